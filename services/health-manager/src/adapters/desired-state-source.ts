import type { Clock, Timer } from '@vcap/clock';
import { bulkCredentials, dropletUpdated } from '@vcap/bus';
import type { Bus, Logger } from '@vcap/bus';
import type { DesiredView } from '../domain/types.ts';
import { BulkFetchError } from './bulk-client.ts';
import type { BulkClient, BulkCredentials } from './bulk-client.ts';

/** Updates that come within this time of one another cause one fetch. */
const DEBOUNCE_MS = 100;
const CREDENTIALS_TIMEOUT_MS = 2000;

/** What the source works with. */
export interface DesiredStateSourceOptions {
  readonly bus: Bus;
  readonly client: BulkClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly partition: string;
  readonly refreshMs: number;
  /** After a failed fetch. */
  readonly retryMs: number;
  readonly fetched: (view: DesiredView) => void;
}

/** Keeps the desired state current: on a timer, and soon after `droplet.updated`. One fetch at a time. */
export class DesiredStateSource {
  readonly name = 'desired-state';
  readonly counters = { fetches: 0, failures: 0, updates: 0 };
  /** Number of users, as last told; undefined before. */
  users: number | undefined;
  readonly #o: DesiredStateSourceOptions;
  readonly #abort = new AbortController();
  #credentials: BulkCredentials | undefined;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(options: DesiredStateSourceOptions) {
    this.#o = options;
  }

  async start(): Promise<void> {
    this.#o.bus.subscribe(dropletUpdated, () => {
      this.counters.updates += 1;
      this.refreshIn(DEBOUNCE_MS);
    });
    this.refreshIn(0);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#abort.abort();
    await this.#running;
  }

  /** Fetches in `ms`; during a fetch, once more after it, as it may have passed the changed row already. */
  refreshIn(ms: number): void {
    if (this.#abort.signal.aborted) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#timer = this.#o.clock.setTimeout(() => {
      this.#running = this.#cycle();
    }, ms);
  }

  async #cycle(): Promise<void> {
    const ok = await this.#fetch();
    this.#running = undefined;
    const again = this.#again;
    this.#again = false;
    this.refreshIn(again ? DEBOUNCE_MS : ok ? this.#o.refreshMs : this.#o.retryMs);
  }

  async #fetch(): Promise<boolean> {
    const { client, log, fetched } = this.#o;
    const { signal } = this.#abort;
    try {
      const credentials = (this.#credentials ??= await this.#askCredentials());
      fetched(await client.apps(credentials, signal));
      this.counters.fetches += 1;
      this.users = await client.users(credentials, signal).catch(() => this.users);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      this.counters.failures += 1;
      if (error instanceof BulkFetchError && error.status === 401) this.#credentials = undefined;
      log.warn({ event: 'desired-fetch-failed', reason: (error as Error).message });
      return false;
    }
  }

  async #askCredentials(): Promise<BulkCredentials> {
    const subject = bulkCredentials.for(this.#o.partition);
    const [reply] = await this.#o.bus.request(subject, {}, { timeoutMs: CREDENTIALS_TIMEOUT_MS, max: 1 });
    if (reply === undefined)
      throw new BulkFetchError('no controller answered the request for the bulk credentials');
    return { user: reply.user, password: reply.password };
  }
}
