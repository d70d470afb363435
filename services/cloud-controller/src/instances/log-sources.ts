import { deaFindDroplet } from '@vcap/bus';
import type { Bus, FindDroplet, FindDropletReply, Trace } from '@vcap/bus';
import type { ActualState } from './actual-state.ts';

const FIND_TIMEOUT_MS = 1000;
const STATES: FindDroplet['states'] = ['STARTING', 'RUNNING', 'STOPPING', 'EVACUATING', 'CRASHED'];
/** More are not read: the newest ones count. */
const MOST_SOURCES = 100;
const MOST_CRASHES = 10;
const MOST_REMEMBERED = 10_000;

/** Where the log of one instance is read. */
export interface LogSource {
  instance: string;
  droplet: string;
  url: URL;
  credentials: readonly [string, string] | undefined;
}

/**
 * Where the logs of an app's instances are. Heartbeats tell which there are; only for new ones DEAs are asked, and what
 * they said is remembered until it proves wrong: a stopped instance's last lines can be read for a while.
 */
export class LogSources {
  readonly #bus: Bus;
  readonly #actual: ActualState;
  readonly #known = new Map<string, LogSource>();

  constructor(o: { bus: Bus; actual: ActualState }) {
    this.#bus = o.bus;
    this.#actual = o.actual;
  }

  async of(droplet: string, trace: Trace): Promise<LogSource[]> {
    const told = this.#actual.of(droplet).toSorted((a, b) => b.since - a.since);
    const crashes = told.filter(({ state }) => state === 'CRASHED').slice(0, MOST_CRASHES);
    const live = told.filter(({ state }) => state !== 'CRASHED');
    const ids = new Set([...live, ...crashes].slice(0, MOST_SOURCES).map(({ instance }) => instance));
    const missing = [...ids].filter((id) => !this.#known.has(id));
    if (missing.length > 0 || !this.#actual.warm) {
      for (const source of await this.#ask(droplet, missing, trace)) {
        this.#known.set(source.instance, source);
        if (ids.size < MOST_SOURCES) ids.add(source.instance);
      }
    }
    this.#trim();
    for (const id of this.#stopped(droplet, new Set(told.map(({ instance }) => instance))))
      if (ids.size < MOST_SOURCES) ids.add(id);
    return [...ids].flatMap((id) => this.#known.get(id) ?? []);
  }

  /** Finds out now, for a reader who comes later. Never rejects. */
  remember(droplet: string, trace: Trace): void {
    if (this.#actual.of(droplet).length > 0) void this.of(droplet, trace).catch(() => undefined);
  }

  /** It was not there: ask again next time. */
  forget(instance: string): void {
    this.#known.delete(instance);
  }

  /** Those that heartbeats no longer tell of, the newest first: their last lines are the ones that say why. */
  #stopped(droplet: string, told: ReadonlySet<string>): string[] {
    return [...this.#known.values()]
      .filter((source) => source.droplet === droplet && !told.has(source.instance))
      .map(({ instance }) => instance)
      .toReversed();
  }

  async #ask(droplet: string, missing: string[], trace: Trace): Promise<LogSource[]> {
    // As long as the beats are not heard nobody knows how many there are.
    const some = this.#actual.warm ? { instances: missing } : {};
    const replies = await this.#bus.request(
      deaFindDroplet,
      { droplet, states: STATES, ...some },
      { timeoutMs: FIND_TIMEOUT_MS, max: this.#actual.warm ? missing.length : MOST_SOURCES, trace },
    );
    return replies.filter((reply) => reply.droplet === droplet).flatMap(toSource);
  }

  #trim(): void {
    for (const id of this.#known.keys()) {
      if (this.#known.size <= MOST_REMEMBERED) return;
      this.#known.delete(id);
    }
  }
}

function toSource({ droplet, instance, log_uri: address, credentials }: FindDropletReply): LogSource[] {
  const url = address === undefined ? null : URL.parse(address);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return [];
  return [{ instance, droplet, url, credentials }];
}
