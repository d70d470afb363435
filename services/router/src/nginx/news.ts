import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { wildcardKeys } from '../registry/host-name.ts';
import type { RouteChange } from '../plane/table/table.ts';

/** What nginx is told at once. */
export interface News {
  /** Forget all that was told before. */
  readonly flush: boolean;
  /** Whether health checks on the visitors' port are answered well. */
  readonly up: boolean;
  /** Records by host; null: to be asked for. */
  readonly routes: Record<string, string | null>;
  /** Addresses that were registered again after they failed. */
  readonly well: string[];
  /** Addresses that had failed before, and were not. */
  readonly ill: string[];
}

/** What the news needs. */
export interface NewsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly recordOf: (host: string) => string | undefined;
  /** All addresses that failed and were not registered since: what an nginx that knows nothing must be told at once. */
  readonly asides: () => Iterable<string>;
  /** Delivers; rejects when nginx is not there. */
  readonly push: (news: News) => Promise<void>;
}

const retryMs = 100;
const mostAsked = 200_000;
const unknownMs = 1000;

/**
 * Keeps what nginx has learned true: it asks for a host once, and is told of each change of it from then on. One
 * delivery runs at a time, and each says what is so at that moment, so that none can overtake another. After a failed
 * one nginx may have begun anew: it is told to forget all, and asks again.
 */
export class RouteNews {
  readonly #options: NewsOptions;
  readonly #asked = new Set<string>();
  readonly #sick = new Set<string>();
  #dirty = new Set<string>();
  #well = new Set<string>();
  #ill = new Set<string>();
  #flush = true;
  #up = false;
  #upChanged = false;
  #disproved = false;
  #running: Promise<void> | undefined;
  #scheduled = false;
  #unknownAt = -Infinity;
  #stopped = false;

  constructor(options: NewsOptions) {
    this.#options = options;
  }

  /** Whether health checks are to be answered well; resolves when nginx knows, or cannot be told. */
  setUp(up: boolean): Promise<void> {
    this.#up = up;
    this.#upChanged = true;
    return this.deliver();
  }

  /** Takes a change of the routes, after the table has it. */
  changed(change: RouteChange): void {
    const address = change[0] === 'up' ? change[1] : change[0] === 'add' ? change[2].address : undefined;
    if (address !== undefined && this.#sick.delete(address)) {
      this.#ill.delete(address);
      this.#well.add(address);
    }
    if (change[0] === 'down') {
      this.#well.delete(change[1]);
      this.#ill.add(change[1]);
      this.#sick.add(change[1]);
    } else if (change[0] !== 'up') {
      const slash = change[1].indexOf('/');
      const host = slash < 0 ? change[1] : change[1].slice(0, slash);
      if (host.startsWith('*.')) {
        for (const each of this.#asked) if (isUnder(each, host)) this.#dirty.add(each);
      } else if (this.#asked.has(host)) this.#dirty.add(host);
      // A worker may hold that it is unknown.
      this.#disproved ||= this.#options.clock.monotonic() - this.#unknownAt <= unknownMs;
    }
    if (this.#pending) this.#schedule();
  }

  /** nginx found a backend dead: it is to be told when it was registered again. */
  setAside(address: string): void {
    this.#sick.add(address);
  }

  /** What is known of a host, to be told of its changes from now on. */
  async lookup(host: string): Promise<string | undefined> {
    const { recordOf, clock } = this.#options;
    if (recordOf(host) === undefined) {
      this.#unknownAt = clock.monotonic();
      return undefined;
    }
    if (!this.#asked.has(host)) {
      if (this.#asked.size >= mostAsked) this.forgetAll();
      this.#asked.add(host);
    }
    this.#dirty.add(host);
    await this.deliver();
    return recordOf(host);
  }

  /** nginx is new, or knows too much. */
  forgetAll(): void {
    this.#asked.clear();
    this.#dirty.clear();
    this.#sick.clear();
    this.#flush = true;
  }

  /** Delivers what there is; resolves when it is there, or could not be. */
  async deliver(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#stopped || !this.#pending) return;
    this.#running = this.#deliver();
    await this.#running;
  }

  stop(): void {
    this.#stopped = true;
  }

  get #pending(): boolean {
    return (
      this.#flush ||
      this.#upChanged ||
      this.#disproved ||
      this.#dirty.size + this.#well.size + this.#ill.size > 0
    );
  }

  async #deliver(): Promise<void> {
    const { recordOf, asides, push, log, clock } = this.#options;
    if (this.#flush) {
      for (const address of asides()) {
        this.#ill.add(address);
        this.#sick.add(address);
      }
    }
    const news: News = {
      flush: this.#flush,
      up: this.#up,
      routes: Object.fromEntries([...this.#dirty].map((host) => [host, recordOf(host) ?? null])),
      well: [...this.#well],
      ill: [...this.#ill],
    };
    for (const [host, record] of Object.entries(news.routes)) if (record === null) this.#asked.delete(host);
    this.#dirty = new Set();
    this.#well = new Set();
    this.#ill = new Set();
    this.#flush = false;
    this.#upChanged = false;
    this.#disproved = false;
    try {
      await push(news);
    } catch (error) {
      if (!this.#stopped) log.warn({ event: 'news-undelivered', err: error });
      this.forgetAll();
      clock.setTimeout(() => void this.deliver(), retryMs);
    } finally {
      this.#running = undefined;
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // All changes of one message or sweep go at once; what comes while a delivery runs waits for the next.
    setImmediate(() => {
      this.#scheduled = false;
      void this.deliver();
    });
  }
}

function isUnder(host: string, wildcard: string): boolean {
  for (const key of wildcardKeys(host)) if (key === wildcard) return true;
  return false;
}
