import type { Clock } from '@vcap/clock';

/** Remembers keys for a while, to drop the second of two equal messages. */
export class Recent {
  readonly #clock: Clock;
  readonly #lifeMs: number;
  readonly #keys = new Map<string, number>();

  constructor(clock: Clock, lifeMs: number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
  }

  /** True the first time within the time of life; then the key is remembered from now on. */
  isNew(key: string): boolean {
    const now = this.#clock.monotonic();
    for (const [old, at] of this.#keys) {
      if (now - at < this.#lifeMs) break;
      this.#keys.delete(old);
    }
    if (this.#keys.has(key)) return false;
    this.#keys.set(key, now);
    return true;
  }

  /** Lets the key count as new again. */
  forget(key: string): void {
    this.#keys.delete(key);
  }
}
