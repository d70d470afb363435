import { vcapComponentDiscover } from '@vcap/bus';
import type { Bus, Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { Offering } from '@vcap/service-api';
import type { ControllerClient } from './controller-client.ts';

const retryMs = 1000;
const othersAnswerMs = 300;

export interface AdvertiserOptions {
  client: ControllerClient;
  bus: Bus;
  clock: Clock;
  log: Logger;
  /** Known once the HTTP server listens. */
  offering: (active: boolean) => Offering;
  intervalMs: number;
  /** Type and id of this process, to tell other gateways of the service from it. */
  identity: { type: string; uuid: string };
}

/** Offers the service again and again; when the last gateway ends, takes the offer back. */
export class Advertiser implements Member {
  readonly name = 'advertiser';
  readonly #options: AdvertiserOptions;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;
  /** For /varz. */
  advertised = 0;

  constructor(options: AdvertiserOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
    if (this.advertised > 0 && !(await this.#othersLive())) await this.#advertise(false);
  }

  async #run(): Promise<void> {
    const { clock, intervalMs } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const done = await this.#advertise(true);
      await clock.sleep(done ? intervalMs : Math.min(retryMs, intervalMs), signal);
    }
  }

  async #advertise(active: boolean): Promise<boolean> {
    const { client, offering, log } = this.#options;
    try {
      await client.advertise(offering(active));
      if (this.advertised++ === 0) log.info({ event: 'offering-advertised', label: offering(active).label });
      return true;
    } catch (err) {
      log.warn({ event: 'offering-failed', why: err instanceof Error ? err.message : String(err) });
      return false;
    }
  }

  /** Nothing is taken back on ignorance: without a bus, others may live. */
  async #othersLive(): Promise<boolean> {
    const { bus, identity } = this.#options;
    if (!bus.connected) return true;
    let found = false;
    await bus.requestStream(
      vcapComponentDiscover,
      {},
      {
        timeoutMs: othersAnswerMs,
        totalTimeout: true,
        onReply: ({ type, uuid }) => {
          found = type === identity.type && uuid !== identity.uuid;
          return found ? 'done' : 'more';
        },
      },
    );
    return found;
  }
}
