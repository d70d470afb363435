import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { Broker } from '../broker.ts';
import type { BrokeredService, Registration } from '../domain/brokered-service.ts';
import type { ServiceStore } from './service-store.ts';

const retryMs = 1000;

export interface AdvertiserOptions {
  broker: Broker;
  store: ServiceStore;
  predefined: readonly Registration[];
  clock: Clock;
  log: Logger;
  intervalMs: number;
}

/** Offers everything again and again; at the end takes the offers back. */
export class Advertiser implements Member {
  readonly name = 'advertiser';
  readonly #options: AdvertiserOptions;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;
  #predefined = false;

  constructor(options: AdvertiserOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
    for (const service of this.#options.store.all()) {
      if (!(await this.#advertise(service, false))) break;
    }
  }

  async #run(): Promise<void> {
    const { clock, intervalMs } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const done = await this.#round();
      await clock.sleep(done ? intervalMs : Math.min(retryMs, intervalMs), signal);
    }
  }

  /** False: the cloud controller could not be told all. */
  async #round(): Promise<boolean> {
    const { broker, store, predefined, log } = this.#options;
    let done = true;
    for (const service of store.all()) done = (await this.#advertise(service, true)) && done;
    if (this.#predefined) return done;
    for (const registration of predefined) {
      try {
        await broker.register(registration);
      } catch (err) {
        done = false;
        log.warn({ event: 'predefined-failed', label: registration.label, why: reason(err) });
      }
    }
    this.#predefined = done;
    return done;
  }

  async #advertise(service: BrokeredService, active: boolean): Promise<boolean> {
    try {
      await this.#options.broker.advertise(service, active);
      return true;
    } catch (err) {
      this.#options.log.warn({ event: 'offering-failed', label: service.label, why: reason(err) });
      return false;
    }
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
