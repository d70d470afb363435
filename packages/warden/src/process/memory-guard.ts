import type { Clock } from '@vcap/clock';
import { readStatSync, residentBytes } from '../proc/proc-stat.ts';
import { membersOf, ProcessTable } from '../proc/process-table.ts';

/** What is guarded and how. */
export interface MemoryGuardOptions {
  clock: Clock;
  /** Leader of its own process group, just started. */
  leaderPid: number;
  /** Ceiling of the resident memory of leader, group and descendants together. */
  limitBytes: number;
  /** Called once, with all processes found, when they are above the ceiling; the guard ends nothing itself. */
  onExceeded(pids: readonly number[]): void;
  /** Milliseconds between looks; 500 by default. */
  sampleMs?: number;
}

/**
 * Watches the memory of a process group that is no container, by sampling as containers are: a use that comes and goes
 * between two looks is not seen. `cancel` it when the leader has ended.
 */
export function guardMemory(options: MemoryGuardOptions): { cancel(): void } {
  const { clock, leaderPid, limitBytes } = options;
  const table = new ProcessTable();
  const leader = { pid: leaderPid, startTime: readStatSync(leaderPid)?.startTime ?? 0 };
  let looking = false;
  let over = false;
  const look = async (): Promise<void> => {
    const pids = membersOf(await table.scan(), '', leader).map(({ pid }) => pid);
    const resident = await Promise.all(pids.map((pid) => residentBytes(pid)));
    const bytes = resident.reduce((sum, each) => sum + each, 0);
    if (over || bytes <= limitBytes) return;
    cancel();
    options.onExceeded(pids);
  };
  const timer = clock.setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => {
      looking = false;
    });
  }, options.sampleMs ?? 500);
  const cancel = (): void => {
    over = true;
    timer.cancel();
  };
  return { cancel };
}
