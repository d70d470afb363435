import type { Clock } from '@vcap/clock';
import { freePort } from '@vcap/testkit';

/**
 * Ports that are used again by other applications after a rest, as a DEA's are; so many that one is always rested, and
 * no more.
 */
export class PortPool {
  readonly #clock: Clock;
  readonly #cooldownMs: number;
  readonly #rested: { port: number; at: number }[] = [];

  constructor(clock: Clock, cooldownMs: number) {
    this.#clock = clock;
    this.#cooldownMs = cooldownMs;
  }

  /** The one that rested longest, or one that was never used. */
  async take(): Promise<number> {
    const [first] = this.#rested;
    if (first === undefined || this.#clock.monotonic() - first.at < this.#cooldownMs) return freePort();
    this.#rested.shift();
    return first.port;
  }

  release(port: number): void {
    this.#rested.push({ port, at: this.#clock.monotonic() });
  }
}
