import { TICKS_PER_SECOND, residentBytes } from '../proc/proc-stat.ts';
import type { TableEntry } from '../proc/process-table.ts';

/** Use of a group of processes at its last sample. */
export interface Usage {
  memBytes: number;
  cpuFraction: number;
  pids: number;
  /** Of the processes that it saw. */
  cpuNanoseconds: number;
}

/** Turns looks at the process table into memory and processor use. */
export class UsageMeter {
  private ticks = new Map<string, number>();
  private sampledAtMs: number | undefined;
  /** The last sample; zeros before the first. */
  usage: Usage = { memBytes: 0, cpuFraction: 0, pids: 0, cpuNanoseconds: 0 };

  /** Takes a sample of `members` (the wrapper left out) at `nowMs` of a monotonic clock. */
  async sample(members: readonly TableEntry[], nowMs: number): Promise<Usage> {
    const seconds = this.sampledAtMs === undefined ? 0 : (nowMs - this.sampledAtMs) / 1000;
    const ticks = new Map(members.map((entry) => [`${entry.pid}-${entry.startTime}`, entry.cpuTicks]));
    let used = 0;
    for (const [key, now] of ticks) used += Math.max(0, now - (this.ticks.get(key) ?? 0));
    const resident = await Promise.all(members.map((entry) => residentBytes(entry.pid)));
    this.ticks = ticks;
    this.sampledAtMs = nowMs;
    this.usage = {
      memBytes: resident.reduce((sum, bytes) => sum + bytes, 0),
      cpuFraction: seconds > 0 ? used / TICKS_PER_SECOND / seconds : 0,
      pids: members.length,
      cpuNanoseconds: this.usage.cpuNanoseconds + (used / TICKS_PER_SECOND) * 1e9,
    };
    return this.usage;
  }
}
