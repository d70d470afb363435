import type { Clock } from '@vcap/clock';
import { addressOf, isOwner, mayUnregister, newEndpoint } from './endpoint.ts';
import type { Endpoint, Registration } from './endpoint.ts';
import { uriKey, wildcardKeys } from './host-name.ts';
import type { Lookup, Route } from './route.ts';

/** The registry's times, all in milliseconds. */
export interface RegistryOptions {
  readonly clock: Clock;
  /** Age at which an entry that was not repeated goes. */
  readonly pruneThresholdMs: number;
  /** How long a host without endpoints is still known, and answered 503 instead of 404. */
  readonly emptyRouteRetentionMs: number;
  /** A pause between two messages longer than this is a silence of the bus, not of the backends. */
  readonly silenceMs: number;
}

/**
 * The sole owner of the routes. It never removes an entry because the bus is silent: age counts
 * only while messages arrive, and after a silence every entry starts afresh.
 */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #routes = new Map<string, Route>();
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #goneListeners: ((endpoint: Endpoint) => void)[] = [];
  #lastMessageAt: number | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Called with each endpoint that leaves the table, so that its idle connections can be closed. */
  onEndpointGone(listener: (endpoint: Endpoint) => void): void {
    this.#goneListeners.push(listener);
  }

  /**
   * Adds or refreshes. A different app or instance at the same address proves that the old owner
   * is gone: its entries go under every uri before the new one is put in.
   */
  register(registration: Registration): void {
    this.#heard();
    const keys = registration.uris.map(uriKey).filter((key) => key !== undefined);
    if (keys.length === 0) return;
    const endpoint = this.#claim(registration);
    endpoint.health = 'up';
    for (const key of keys) this.#place(key, endpoint);
  }

  /** Removes the address under the named uris, unless another owner has taken it since. */
  unregister(message: Registration): void {
    this.#heard();
    const endpoint = this.#endpoints.get(addressOf(message.host, message.port));
    if (endpoint === undefined || !mayUnregister(endpoint, message)) return;
    for (const uri of message.uris) {
      const key = uriKey(uri);
      if (key !== undefined) this.#remove(key, endpoint);
    }
  }

  /**
   * Exact host first, then `*.` wildcards, the longest first. A known host without endpoints does
   * not fall through to a wildcard: its visitors would land in another app.
   */
  lookup(host: string): Lookup {
    const exact = this.#routes.get(host);
    if (exact !== undefined) return answer(exact);
    for (const key of wildcardKeys(host)) {
      const route = this.#routes.get(key);
      if (route !== undefined) return answer(route);
    }
    return { kind: 'unknown' };
  }

  /** Makes every entry as fresh as if it had been registered now: the bus is back after an absence. */
  refreshAll(): void {
    const now = this.#options.clock.monotonic();
    for (const route of this.#routes.values()) {
      for (const member of route.members) member.seenAt = now;
      if (route.emptySince !== undefined) route.emptySince = now;
    }
    if (this.#lastMessageAt !== undefined) this.#lastMessageAt = now;
  }

  /**
   * Drops entries older than the threshold and forgets long empty hosts. Does nothing unless the
   * bus is connected and messages have been arriving. Returns the number of dropped entries.
   */
  prune(busConnected: boolean): number {
    if (!busConnected || this.#silent()) return 0;
    const now = this.#options.clock.monotonic();
    let dropped = 0;
    for (const [uri, route] of this.#routes) {
      const stale = route.members.filter(({ seenAt }) => now - seenAt > this.#options.pruneThresholdMs);
      for (const member of stale) {
        this.#remove(uri, member.endpoint);
        dropped += 1;
      }
      if (this.#forgettable(route, now)) this.#routes.delete(uri);
    }
    return dropped;
  }

  /** Hosts that have at least one endpoint. */
  get uriCount(): number {
    let count = 0;
    for (const route of this.#routes.values()) if (route.members.length > 0) count += 1;
    return count;
  }

  /** Backend addresses. */
  get endpointCount(): number {
    return this.#endpoints.size;
  }

  /** Milliseconds since the last message from the bus; undefined before the first. */
  get msSinceLastMessage(): number | undefined {
    if (this.#lastMessageAt === undefined) return undefined;
    return this.#options.clock.monotonic() - this.#lastMessageAt;
  }

  /** The routes, for `/routes` and tests; read only. */
  routes(): IterableIterator<Readonly<Route>> {
    return this.#routes.values();
  }

  #heard(): void {
    if (this.#silent()) this.refreshAll();
    this.#lastMessageAt = this.#options.clock.monotonic();
  }

  #silent(): boolean {
    const quiet = this.msSinceLastMessage;
    return quiet === undefined || quiet > this.#options.silenceMs;
  }

  #claim(registration: Registration): Endpoint {
    const known = this.#endpoints.get(addressOf(registration.host, registration.port));
    if (known !== undefined) {
      if (isOwner(known, registration)) return known;
      for (const uri of Array.from(known.uris)) this.#remove(uri, known);
    }
    const endpoint = newEndpoint(registration);
    this.#endpoints.set(endpoint.address, endpoint);
    return endpoint;
  }

  #place(uri: string, endpoint: Endpoint): void {
    const now = this.#options.clock.monotonic();
    let route = this.#routes.get(uri);
    if (route === undefined) {
      route = { uri, members: [], cursor: 0, emptySince: undefined };
      this.#routes.set(uri, route);
    }
    const member = route.members.find((each) => each.endpoint === endpoint);
    if (member === undefined) route.members.push({ endpoint, seenAt: now });
    else member.seenAt = now;
    route.emptySince = undefined;
    endpoint.uris.add(uri);
  }

  #remove(uri: string, endpoint: Endpoint): void {
    const route = this.#routes.get(uri);
    const at = route?.members.findIndex((each) => each.endpoint === endpoint) ?? -1;
    if (route === undefined || at < 0) return;
    route.members.splice(at, 1);
    if (route.cursor > at) route.cursor -= 1;
    if (route.members.length === 0) route.emptySince = this.#options.clock.monotonic();
    endpoint.uris.delete(uri);
    if (endpoint.uris.size > 0) return;
    this.#endpoints.delete(endpoint.address);
    for (const listener of this.#goneListeners) listener(endpoint);
  }

  #forgettable(route: Route, now: number): boolean {
    return route.emptySince !== undefined && now - route.emptySince > this.#options.emptyRouteRetentionMs;
  }
}

function answer(route: Route): Lookup {
  return route.members.length === 0 ? { kind: 'empty' } : { kind: 'found', route };
}
