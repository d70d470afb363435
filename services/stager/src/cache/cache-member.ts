import type { Logger } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { AppCaches } from './app-caches.ts';

const SWEEP_MS = 3_600_000;

/** Sweeps the caches at the start and every hour. */
export class CacheMember {
  readonly name = 'caches';
  readonly #o: { readonly caches: AppCaches; readonly clock: Clock; readonly log: Logger };
  #timer: Timer | undefined;

  constructor(options: { caches: AppCaches; clock: Clock; log: Logger }) {
    this.#o = options;
  }

  async start(): Promise<void> {
    const { caches, clock, log } = this.#o;
    await caches.sweep();
    this.#timer = clock.setInterval(() => {
      caches
        .sweep()
        .catch((error: Error) => log.warn({ event: 'cache-sweep-failed', reason: error.message }));
    }, SWEEP_MS);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
  }
}
