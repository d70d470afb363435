import type { Clock, Timer } from '@vcap/clock';

/** Fires once when nothing happened for a while. Touching it is cheap: the timer is set anew only when it fires. */
export class IdleDeadline {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #expired: () => void;
  #timer: Timer | undefined;
  #touchedAt: number;

  constructor(clock: Clock, ms: number, expired: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#expired = expired;
    this.#touchedAt = clock.monotonic();
    this.#arm(ms);
  }

  touch(): void {
    this.#touchedAt = this.#clock.monotonic();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      const left = this.#touchedAt + this.#ms - this.#clock.monotonic();
      if (left > 0) this.#arm(left);
      else this.#expired();
    }, ms);
  }
}
