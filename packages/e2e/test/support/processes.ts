import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  name: string;
  pid: number;
  /** Clock ticks since boot. */
  startTime: number;
}

/** State letter and start time of a process; undefined when there is none. */
function statOf(pid: number): { state: string; startTime: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTime: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

/** The process of that pid now, by whose start time it is known again. */
export function identify(name: string, pid: number): ProcessIdentity | undefined {
  const startTime = statOf(pid)?.startTime;
  return startTime === undefined ? undefined : { name, pid, startTime };
}

/** Whether exactly this process runs; a zombie does not. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.startTime === startTime && stat.state !== 'Z';
}

/** Signals exactly this process; false when it is gone. Refuses what would reach a group or everybody. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  const { pid } = identity;
  if (!Number.isSafeInteger(pid) || pid <= 1 || pid === process.pid)
    throw new Error(`not a process to signal: ${pid}`);
  if (!isAlive(identity)) return false;
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** All processes that work in `folder` or name it among their arguments. */
export function processesOf(folder: string): ProcessIdentity[] {
  const found: ProcessIdentity[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isSafeInteger(pid) || pid <= 1 || pid === process.pid) continue;
    const place = quietly(() => readlinkSync(`/proc/${pid}/cwd`));
    const command = quietly(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      .replaceAll('\0', ' ')
      .trim();
    if (!`${place}/`.startsWith(`${folder}/`) && !command.includes(folder)) continue;
    const identity = identify(command, pid);
    if (identity && isAlive(identity)) found.push(identity);
  }
  return found;
}

/** Ports of TCP that a process listens on. */
export function portsOf({ pid }: ProcessIdentity): number[] {
  const inodes = new Set<string>();
  for (const fd of quietlyList(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(quietly(() => readlinkSync(`/proc/${pid}/fd/${fd}`)))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  const tables = ['tcp', 'tcp6'].map((name) => quietly(() => readFileSync(`/proc/net/${name}`, 'utf8')));
  return tables.flatMap((table) =>
    table.split('\n').flatMap((line) => {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const listens = state === '0A' && inode !== undefined && inodes.has(inode);
      return listens ? [parseInt(local?.split(':').at(-1) ?? '', 16)] : [];
    }),
  );
}

function quietly(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

function quietlyList(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
