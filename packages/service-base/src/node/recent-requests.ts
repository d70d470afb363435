import type { Clock } from '@vcap/clock';

const keptMs = 60_000;
const most = 2000;

/** A message that comes twice is done once and answered twice. */
export class RecentRequests {
  readonly #clock: Clock;
  readonly #results = new Map<string, { at: number; result: Promise<unknown> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `key` names the message: its trace and span. */
  once<T>(key: string, work: () => Promise<T>): Promise<T> {
    const known = this.#results.get(key);
    if (known) return known.result as Promise<T>;
    const now = this.#clock.monotonic();
    for (const [old, { at }] of this.#results) {
      if (now - at < keptMs && this.#results.size < most) break;
      this.#results.delete(old);
    }
    const result = work();
    this.#results.set(key, { at: now, result });
    return result;
  }
}
