import type { Clock, Timer } from './clock.ts';

interface Entry {
  due: number;
  order: number;
  everyMs: number | undefined;
  fn: () => void;
}

/** A clock that moves only by `advance`: timers fire in the order of their due times. */
export class FakeClock implements Clock {
  #now: number;
  #order = 0;
  readonly #entries = new Set<Entry>();
  readonly #start: number;

  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs;
    this.#start = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#start;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    return this.#add(fn, ms, undefined);
  }

  setInterval(fn: () => void, ms: number): Timer {
    return this.#add(fn, ms, Math.max(ms, 1));
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer = this.setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Moves time on by `ms`; promise callbacks run between one timer and the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#nextDue(end); next !== undefined; next = this.#nextDue(end)) {
      this.#now = Math.max(this.#now, next.due);
      if (next.everyMs === undefined) this.#entries.delete(next);
      else next.due += next.everyMs;
      next.fn();
      await settle();
    }
    this.#now = end;
  }

  #add(fn: () => void, ms: number, everyMs: number | undefined): Timer {
    const entry: Entry = { due: this.#now + Math.max(ms, 0), order: this.#order++, everyMs, fn };
    this.#entries.add(entry);
    return { cancel: () => this.#entries.delete(entry) };
  }

  #nextDue(end: number): Entry | undefined {
    let best: Entry | undefined;
    for (const entry of this.#entries) {
      if (entry.due > end) continue;
      if (!best || entry.due < best.due || (entry.due === best.due && entry.order < best.order)) best = entry;
    }
    return best;
  }
}

/** Lets queued promise callbacks run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}
