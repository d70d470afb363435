import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { ControllerClient } from './controller-client.ts';
import type { HandleCache, ServiceHandle } from './handle-cache.ts';

export interface HandleSourceOptions {
  client: ControllerClient;
  cache: HandleCache;
  label: string;
  clock: Clock;
  log: Logger;
  /** After a failed fetch. */
  retryMs: number;
  refreshMs: number;
}

/** Fetches the handles until it has them, then at intervals, and when one is missing. */
export class HandleSource implements Member {
  readonly name = 'handles';
  readonly #options: HandleSourceOptions;
  readonly #stopped = new AbortController();
  #loop: Promise<void> | undefined;
  #fetching: Promise<boolean> | undefined;

  constructor(options: HandleSourceOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** Fetches now, or joins a fetch that runs; false when it failed. */
  fetch(): Promise<boolean> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  /** The handle, fetched when it is not here: another gateway may have made it. */
  async find(lookUp: () => ServiceHandle | undefined): Promise<ServiceHandle | undefined> {
    const known = lookUp();
    if (known) return known;
    // A fetch that runs may have begun before the handle was saved.
    if (this.#fetching) await this.#fetching;
    if (!lookUp()) await this.fetch();
    return lookUp();
  }

  async #run(): Promise<void> {
    const { clock, retryMs, refreshMs } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const fetched = await this.fetch();
      await clock.sleep(fetched ? refreshMs : retryMs, signal);
    }
  }

  async #fetch(): Promise<boolean> {
    const { client, cache, label, clock, log } = this.#options;
    const askedAt = clock.monotonic();
    try {
      const { handles, skipped } = await client.handles(label);
      const first = !cache.loaded;
      cache.replace(handles, askedAt);
      if (skipped > 0) log.warn({ event: 'handles-skipped', skipped });
      if (first) log.info({ event: 'handles-loaded', handles: handles.length });
      return true;
    } catch (err) {
      log.warn({ event: 'handle-fetch-failed', why: err instanceof Error ? err.message : String(err) });
      return false;
    }
  }
}
