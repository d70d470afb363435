import { readFile, readdir } from 'node:fs/promises';
import { readStat } from './proc-stat.ts';
import type { ProcStat } from './proc-stat.ts';

/** Environment variable that marks every process of an instance, also one that left the session. */
export const HANDLE_VARIABLE = 'VCAP_INSTANCE_HANDLE';

const MARKER = new RegExp(`(?:^|\\0)${HANDLE_VARIABLE}=([\\w-]+)(?:\\0|$)`);

/** One look at all processes of the machine. */
export interface TableEntry extends ProcStat {
  /** The handle in its environment, if it has one. */
  handle: string | undefined;
}

/** Reads /proc and remembers environments, as a process's marker cannot change after its birth. */
export class ProcessTable {
  private markers = new Map<string, string | undefined>();

  /** All live processes, zombies left out. */
  async scan(): Promise<TableEntry[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
    const stats = await Promise.all(pids.map((pid) => readStat(pid)));
    const known = this.markers;
    this.markers = new Map();
    const entries: TableEntry[] = [];
    for (const stat of stats) {
      if (stat === undefined || stat.state === 'Z' || stat.pid === process.pid) continue;
      const key = `${stat.pid}-${stat.startTime}`;
      const handle = known.has(key) ? known.get(key) : await markerOf(stat.pid);
      this.markers.set(key, handle);
      entries.push({ ...stat, handle });
    }
    return entries;
  }
}

async function markerOf(pid: number): Promise<string | undefined> {
  try {
    return MARKER.exec(await readFile(`/proc/${pid}/environ`, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}

/**
 * The processes of one container: the leader's session and group, those with the marker, and their descendants. A
 * session whose leader is another process than ours (a reused number) is left alone.
 */
export function membersOf(
  table: readonly TableEntry[],
  handle: string,
  leader: { pid: number; startTime: number } | undefined,
): TableEntry[] {
  const reused = table.some((entry) => entry.pid === leader?.pid && entry.startTime !== leader.startTime);
  const sessionId = leader === undefined || reused ? undefined : leader.pid;
  const members = new Map<number, TableEntry>();
  for (const entry of table) {
    const inSession = entry.session === sessionId || entry.processGroup === sessionId;
    if (entry.handle === handle || (sessionId !== undefined && inSession)) members.set(entry.pid, entry);
  }
  for (let grown = true; grown;) {
    grown = false;
    for (const entry of table) {
      if (members.has(entry.pid) || !members.has(entry.ppid)) continue;
      members.set(entry.pid, entry);
      grown = true;
    }
  }
  return [...members.values()];
}
