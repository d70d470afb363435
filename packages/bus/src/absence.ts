import type { Clock, Timer } from '@vcap/clock';
import type { Logger } from 'pino';
import type { BusTls } from './bus-tls.ts';
import { diagnose } from './diagnose.ts';

/** Without a connection: the reason is looked for after the first time, and then again each time. */
const firstMs = 3000;
const nextMs = 60_000;

/** What is looked at, and where the reasons go. */
export interface AbsenceOptions {
  servers: readonly string[];
  tls?: BusTls | undefined;
  clock: Clock;
  log: Logger;
}

/** The client goes on trying in silence: what keeps it from each server is looked for and logged meanwhile. */
export class Absence {
  readonly #options: AbsenceOptions;
  #timer: Timer | undefined;

  constructor(options: AbsenceOptions) {
    this.#options = options;
  }

  /** There is no connection now. */
  begin(): void {
    this.#again(firstMs);
  }

  /** There is one, or none is wanted any more. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #again(ms: number): void {
    this.#timer?.cancel();
    const timer = this.#options.clock.setTimeout(() => {
      void this.#explain(() => this.#timer === timer);
    }, ms);
    this.#timer = timer;
  }

  async #explain(isStillTrue: () => boolean): Promise<void> {
    const { servers, tls, log } = this.#options;
    const reasons = await Promise.all(servers.map((server) => diagnose(server, tls)));
    if (!isStillTrue()) return;
    servers.forEach((server, at) => {
      const why = reasons[at];
      if (why !== undefined) log.warn({ event: 'bus-unreachable', server: new URL(server).host, why });
    });
    this.#again(nextMs);
  }
}
