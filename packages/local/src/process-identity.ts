import { readFileSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  name: string;
  pid: number;
  /** Clock ticks since boot; 0 where /proc is not there. */
  startTime: number;
}

/** Start time of a process in clock ticks since boot; undefined when it is gone. 0 where the system has no /proc. */
export function startTimeOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    try {
      process.kill(pid, 0);
      return process.platform === 'linux' ? undefined : 0;
    } catch {
      return undefined;
    }
  }
}

/** Whether exactly this process still runs. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return startTimeOf(pid) === startTime;
}
