import type { StoredLog } from './log-store.ts';
import type { TaskLog } from './task-log.ts';

const KEPT_AFTER_END = 50;

/** The logs that this process holds itself: running tasks and the last few finished ones. */
export class TaskLogs {
  readonly #logs = new Map<string, { token: string; log: TaskLog; complete: boolean }>();

  /** Makes a running task's log readable. */
  add(taskId: string, token: string, log: TaskLog): void {
    this.#logs.set(taskId, { token, log, complete: false });
  }

  /** Marks a log as ended; the oldest ended ones are forgotten (the store still has them). */
  complete(taskId: string): void {
    const entry = this.#logs.get(taskId);
    if (!entry) return;
    entry.complete = true;
    const ended = [...this.#logs].filter(([, { complete }]) => complete).map(([id]) => id);
    for (const id of ended.slice(0, Math.max(0, ended.length - KEPT_AFTER_END))) this.#logs.delete(id);
  }

  /** The log from `offset` on; undefined when this process does not hold it. */
  read(taskId: string, offset: number): StoredLog | undefined {
    const entry = this.#logs.get(taskId);
    return entry && { token: entry.token, complete: entry.complete, bytes: entry.log.from(offset) };
  }
}
