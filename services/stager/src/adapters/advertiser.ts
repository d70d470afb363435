import { statfs } from 'node:fs/promises';
import type { Bus, Logger, Subscription } from '@vcap/bus';
import { stagingAdvertise, stagingLocate } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';

const EVERY_MS = 5000;
const MB = 1024 * 1024;

/** Says every 5 s, at its start and when asked, what this stager could take. */
export class Advertiser {
  readonly name = 'advertiser';
  readonly #o: {
    readonly bus: Bus;
    readonly clock: Clock;
    readonly log: Logger;
    readonly id: string;
    readonly baseDir: string;
    readonly freeTasks: () => number;
    readonly memoryPerTaskMb: number;
    readonly isolation: () => string | undefined;
  };
  #timer: Timer | undefined;
  #locate: Subscription | undefined;

  constructor(options: {
    bus: Bus;
    clock: Clock;
    log: Logger;
    id: string;
    baseDir: string;
    freeTasks: () => number;
    memoryPerTaskMb: number;
    isolation: () => string | undefined;
  }) {
    this.#o = options;
  }

  async start(): Promise<void> {
    const advertise = (): Promise<void> =>
      this.#advertise().catch((error: Error) => {
        this.#o.log.warn({ event: 'advertise-failed', reason: error.message });
      });
    this.#locate = this.#o.bus.subscribe(stagingLocate, advertise);
    this.#timer = this.#o.clock.setInterval(() => void advertise(), EVERY_MS);
    await advertise();
  }

  /** A stager that drains offers nothing. */
  async drain(): Promise<void> {
    await this.stop();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#locate?.unsubscribe();
    this.#locate = undefined;
  }

  async #advertise(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#o.baseDir);
    const isolation = this.#o.isolation();
    this.#o.bus.publish(stagingAdvertise, {
      id: this.#o.id,
      stacks: ['linux'],
      available_memory: this.#o.freeTasks() * this.#o.memoryPerTaskMb,
      available_disk: Math.floor((bavail * bsize) / MB),
      ...(isolation === undefined ? {} : { isolation }),
    });
  }
}
