import type { Clock } from '@vcap/clock';

const seconds = 60;

/** Counts events of the last minute, second by second. */
export class RateWindow {
  readonly #clock: Clock;
  readonly #buckets = new Uint32Array(seconds);
  #second: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#second = this.#now();
  }

  mark(count = 1): void {
    this.#catchUp();
    const at = this.#second % seconds;
    this.#buckets[at] = (this.#buckets[at] ?? 0) + count;
  }

  /** Events in the last minute. */
  perMinute(): number {
    this.#catchUp();
    return this.#buckets.reduce((sum, each) => sum + each, 0);
  }

  /** Events per second over the last five full seconds. */
  perSecond(): number {
    this.#catchUp();
    let sum = 0;
    for (let back = 1; back <= 5; back += 1)
      sum += this.#buckets[(this.#second - back + seconds) % seconds] ?? 0;
    return sum / 5;
  }

  #now(): number {
    return Math.floor(this.#clock.monotonic() / 1000);
  }

  #catchUp(): void {
    const now = this.#now();
    const steps = Math.min(now - this.#second, seconds);
    for (let step = 1; step <= steps; step += 1) this.#buckets[(now - steps + step) % seconds] = 0;
    this.#second = now;
  }
}
