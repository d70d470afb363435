import { readFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';

/** The fields of /proc/<pid>/stat that tell a process's place and use. */
export interface ProcStat {
  pid: number;
  state: string;
  ppid: number;
  processGroup: number;
  session: number;
  /** User and system time together, in clock ticks. */
  cpuTicks: number;
  /** Clock ticks since boot. */
  startTime: number;
}

/** Clock ticks in a second: what Linux shows to programs on every architecture in use. */
export const TICKS_PER_SECOND = 100;

/** Reads one process; undefined when it is gone. */
export async function readStat(pid: number): Promise<ProcStat | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** The same without a wait, for the moment right after a spawn. */
export function readStatSync(pid: number): ProcStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Parses one line; the command may hold blanks and brackets, so it is cut at the last bracket. */
export function parseStat(text: string): ProcStat | undefined {
  const close = text.lastIndexOf(')');
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(close + 2).split(' ');
  const field = (index: number): number => Number(fields[index]);
  if (close < 0 || !Number.isInteger(pid) || fields.length < 20) return undefined;
  return {
    pid,
    state: fields[0] ?? '',
    ppid: field(1),
    processGroup: field(2),
    session: field(3),
    cpuTicks: field(11) + field(12),
    startTime: field(19),
  };
}

/** Whether that very process (not a later one with its number) exists and is not a zombie. */
export async function isAlive(identity: { pid: number; startTime: number }): Promise<boolean> {
  const stat = await readStat(identity.pid);
  return stat?.startTime === identity.startTime && stat.state !== 'Z';
}

/** Resident bytes of a process; 0 when it is gone. */
export async function residentBytes(pid: number): Promise<number> {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
