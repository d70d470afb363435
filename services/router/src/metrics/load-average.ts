import type { Clock } from '@vcap/clock';

const tickSeconds = 5;
const minutes = [1, 5, 15] as const;

/** Events per second as exponentially weighted averages over 1, 5 and 15 minutes, like a load average. */
export class LoadAverage {
  readonly #clock: Clock;
  readonly #rates: [number, number, number] = [0, 0, 0];
  #count = 0;
  #tickedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#tickedAt = clock.monotonic();
  }

  mark(count = 1): void {
    this.#catchUp();
    this.#count += count;
  }

  rates(): readonly [number, number, number] {
    this.#catchUp();
    return [...this.#rates];
  }

  #catchUp(): void {
    const ticks = Math.floor((this.#clock.monotonic() - this.#tickedAt) / (tickSeconds * 1000));
    if (ticks < 1) return;
    this.#tickedAt += ticks * tickSeconds * 1000;
    for (const [at, minute] of minutes.entries()) {
      const kept = Math.exp(-tickSeconds / 60 / minute);
      const first = (this.#rates[at] ?? 0) * kept + (this.#count / tickSeconds) * (1 - kept);
      this.#rates[at] = first * kept ** (ticks - 1);
    }
    this.#count = 0;
  }
}
