import type { Clock } from '@vcap/clock';
import type { EndpointFacts } from '../plane/table/endpoint.ts';
import type { RouteChange } from '../plane/table/table.ts';
import type { Entry, KnownRoute, Place } from './entry.ts';
import { uriKey } from './host-name.ts';
import { addressOf, isSameOwner, mayUnregister } from './registration.ts';
import type { Registration } from './registration.ts';
import { Tombstones } from './tombstones.ts';
import { Witnesses } from './witnesses.ts';

/** The registry's times, all in milliseconds. */
export interface RegistryOptions {
  readonly clock: Clock;
  /** Age at which an entry that was not repeated goes. */
  readonly pruneThresholdMs: number;
  /** How long a host without backends is still known, and answered 503 instead of 404. */
  readonly emptyRouteRetentionMs: number;
  /** A pause between two messages longer than this is a silence of the bus, not of the backends. */
  readonly silenceMs: number;
  /** How long an entry out of a snapshot may wait for its first registration. */
  readonly verifyMs: number;
}

/**
 * The sole owner of the routes; data planes are told of each change. It never removes an entry because the bus is
 * silent: age counts only while messages arrive, and after a silence every entry starts afresh. News is ordered by the
 * sender's clock where it tells it: a late message changes nothing.
 */
export class Registry {
  readonly #options: RegistryOptions;
  readonly #routes = new Map<string, KnownRoute>();
  readonly #entries = new Map<string, Entry>();
  readonly #listeners: ((change: RouteChange) => void)[] = [];
  readonly #aside = new Set<string>();
  readonly #tombstones = new Tombstones();
  readonly #witnesses = new Witnesses();
  #lastMessageAt: number | undefined;
  #live = 0;
  /** Counts changes of the routes, repeats not among them: what a snapshot compares. */
  revision = 0;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Called with each change, in order. */
  onChange(listener: (change: RouteChange) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Adds or refreshes. A different app or instance at the same address proves that the old owner is gone: its entries
   * go under every uri before the new one is put in.
   */
  register(registration: Registration): void {
    this.#heard();
    this.#register(registration, true);
  }

  /** Puts in what a snapshot says, to be confirmed by a registration; `aside`: it had failed and waited for one. */
  restore(registration: Registration, aside = false): void {
    this.#register(registration, false);
    const address = addressOf(registration.host, registration.port);
    if (!aside || this.#entries.get(address)?.confirmed !== false) return;
    this.#aside.add(address);
    this.#changed(['down', address]);
  }

  /** Removes the address under the named uris, unless another owner has taken it since. */
  unregister(message: Registration): void {
    this.#heard();
    const { updatedAt } = message;
    const address = addressOf(message.host, message.port);
    const entry = this.#entries.get(address);
    const keys = message.uris.map(uriKey).filter((key) => key !== undefined);
    const outdated =
      entry !== undefined && (!mayUnregister(entry.facts, message) || isOlder(updatedAt, entry.updatedAt));
    if (!outdated && updatedAt !== undefined) {
      const now = this.#options.clock.monotonic();
      for (const key of keys) this.#tombstones.bury(address, key, updatedAt, now);
    }
    if (entry === undefined || outdated) return;
    for (const key of keys) this.#remove(placeOf(entry, key));
  }

  /** A data plane found the backend dead: its next registration brings it back. */
  setAside(address: string): void {
    if (!this.#entries.has(address) || this.#aside.has(address)) return;
    this.#aside.add(address);
    this.revision += 1;
  }

  /** Whether a backend failed and was not registered since: its address may be somebody else's by now. */
  isAside(address: string): boolean {
    return this.#aside.has(address);
  }

  /** Those that failed and were not registered since. */
  asides(): Iterable<string> {
    return this.#aside.values();
  }

  /** The entries that nobody vouched for since a monotonic time and somebody can be asked about, so many looked at at a time. */
  *unvouched(before: number, sliceSize: number): Generator<Readonly<Entry>[]> {
    let found: Entry[] = [];
    let seen = 0;
    for (const entry of this.#entries.values()) {
      if (entry.witness !== undefined && entry.vouchedAt < before) found.push(entry);
      seen += 1;
      if (seen % sliceSize !== 0) continue;
      yield found;
      found = [];
    }
    yield found;
  }

  /**
   * What the witness said, asked at a monotonic time, of the instance that then had the address. One that does not hold
   * it any more is not used until it registers: its port may be another's. One that does is as good as registered,
   * but its age goes on: that its routes are still its own was not asked.
   */
  testified(asked: Readonly<Entry>, at: number, holds: boolean): void {
    const { address } = asked.facts;
    const entry = this.#entries.get(address);
    if (entry !== asked || entry.vouchedAt > at) return;
    if (holds) {
      entry.vouchedAt = at;
      if (this.#aside.delete(address)) this.#changed(['up', address]);
    } else if (!this.#aside.has(address)) {
      this.setAside(address);
      this.#changed(['down', address]);
    }
  }

  /** Makes every entry as fresh as if it had been registered now: the bus is back after an absence. */
  refreshAll(): void {
    const now = this.#options.clock.monotonic();
    const { pruneThresholdMs, verifyMs } = this.#options;
    for (const { places, confirmed } of this.#entries.values()) {
      const seenAt = confirmed ? now : now - Math.max(0, pruneThresholdMs - verifyMs);
      for (const place of places) place.seenAt = seenAt;
    }
    for (const route of this.#routes.values()) if (route.emptySince !== undefined) route.emptySince = now;
    if (this.#lastMessageAt !== undefined) this.#lastMessageAt = now;
  }

  /** Drops all at once what `sweep` drops in slices. */
  prune(busConnected: boolean): number {
    let dropped = 0;
    for (const slice of this.sweep(() => busConnected, Infinity)) dropped += slice;
    return dropped;
  }

  /**
   * Drops entries older than the threshold and forgets long empty hosts, so many at a time; yields the number dropped.
   * Does nothing unless the bus is connected and messages have been arriving.
   */
  *sweep(busConnected: () => boolean, sliceSize: number): Generator<number> {
    let dropped = 0;
    let seen = 0;
    const { pruneThresholdMs, emptyRouteRetentionMs, clock } = this.#options;
    const alive = (): boolean => busConnected() && !this.#silent();
    if (!alive()) return;
    for (const entry of this.#entries.values()) {
      const now = clock.monotonic();
      for (const place of Array.from(entry.places)) {
        if (now - place.seenAt <= pruneThresholdMs) continue;
        this.#remove(place);
        dropped += 1;
      }
      seen += 1;
      if (seen % sliceSize !== 0) continue;
      yield dropped;
      dropped = 0;
      if (!alive()) return;
    }
    const now = clock.monotonic();
    for (const route of this.#routes.values()) {
      if (route.emptySince === undefined || now - route.emptySince <= emptyRouteRetentionMs) continue;
      this.#routes.delete(route.key);
      this.#changed(['forget', route.key]);
    }
    this.#tombstones.expire(now - pruneThresholdMs);
    yield dropped;
  }

  /** All routes as changes, for a data plane that has none yet. */
  *changes(): Generator<RouteChange> {
    for (const { facts, places } of this.#entries.values()) {
      for (const { route } of places) yield ['add', route.key, facts];
    }
    for (const route of this.#routes.values()) {
      if (route.emptySince !== undefined) yield ['empty', route.key];
    }
    for (const address of this.#aside) yield ['down', address];
  }

  /** Hosts that have at least one backend. */
  get uriCount(): number {
    return this.#live;
  }

  /** Backend addresses. */
  get endpointCount(): number {
    return this.#entries.size;
  }

  /** Milliseconds since the last message from the bus; undefined before the first. */
  get msSinceLastMessage(): number | undefined {
    if (this.#lastMessageAt === undefined) return undefined;
    return this.#options.clock.monotonic() - this.#lastMessageAt;
  }

  /** The entries, for snapshots and `/routes`; read only. */
  entries(): IterableIterator<Readonly<Entry>> {
    return this.#entries.values();
  }

  #register(registration: Registration, confirmed: boolean): void {
    const { updatedAt } = registration;
    const address = addressOf(registration.host, registration.port);
    const known = this.#entries.get(address);
    if (known !== undefined && isOlder(updatedAt, known.updatedAt)) return;
    let entry: Entry | undefined;
    for (const uri of registration.uris) {
      const key = uriKey(uri);
      if (key === undefined) continue;
      if (updatedAt !== undefined && this.#tombstones.isOutdated(address, key, updatedAt)) continue;
      entry ??= this.#claim(address, registration, known, confirmed);
      this.#place(key, entry);
    }
    if (!confirmed || entry === undefined) return;
    entry.vouchedAt = this.#options.clock.monotonic();
    if (this.#aside.size > 0 && this.#aside.delete(address)) this.#changed(['up', address]);
  }

  #heard(): void {
    if (this.#silent()) this.refreshAll();
    this.#lastMessageAt = this.#options.clock.monotonic();
  }

  #silent(): boolean {
    const quiet = this.msSinceLastMessage;
    return quiet === undefined || quiet > this.#options.silenceMs;
  }

  #claim(address: string, from: Registration, known: Entry | undefined, confirmed: boolean): Entry {
    if (known !== undefined) {
      if (isSameOwner(known.facts, from)) {
        known.updatedAt = from.updatedAt ?? known.updatedAt;
        known.confirmed ||= confirmed;
        known.witness = this.#witnesses.of(from, known.witness);
        return known;
      }
      for (const place of Array.from(known.places)) this.#remove(place);
    }
    const facts: EndpointFacts = {
      address,
      host: from.host,
      port: from.port,
      app: from.app,
      privateInstanceId: from.privateInstanceId,
      index: from.index,
      component: from.component,
    };
    const entry: Entry = {
      facts,
      places: [],
      updatedAt: from.updatedAt,
      confirmed,
      witness: this.#witnesses.of(from, undefined),
      vouchedAt: -Infinity,
    };
    this.#entries.set(address, entry);
    return entry;
  }

  #place(key: string, entry: Entry): void {
    const now = this.#options.clock.monotonic();
    const { pruneThresholdMs, verifyMs } = this.#options;
    const seenAt = entry.confirmed ? now : now - Math.max(0, pruneThresholdMs - verifyMs);
    const known = placeOf(entry, key);
    if (known !== undefined) {
      known.seenAt = Math.max(known.seenAt, seenAt);
      return;
    }
    let route = this.#routes.get(key);
    if (route === undefined) {
      route = { key, places: new Set(), emptySince: undefined };
      this.#routes.set(key, route);
    }
    if (route.places.size === 0) this.#live += 1;
    const place = { entry, route, seenAt };
    route.places.add(place);
    route.emptySince = undefined;
    entry.places.push(place);
    this.#changed(['add', key, entry.facts]);
  }

  #remove(place: Place | undefined): void {
    if (place === undefined) return;
    const { entry, route } = place;
    const { address } = entry.facts;
    route.places.delete(place);
    entry.places.splice(entry.places.indexOf(place), 1);
    if (route.places.size === 0) {
      this.#live -= 1;
      route.emptySince = this.#options.clock.monotonic();
    }
    if (entry.places.length === 0) {
      this.#entries.delete(address);
      this.#aside.delete(address);
    }
    this.#changed(['remove', route.key, address]);
  }

  #changed(change: RouteChange): void {
    if (change[0] !== 'up' && change[0] !== 'down') this.revision += 1;
    for (const listener of this.#listeners) listener(change);
  }
}

function placeOf(entry: Entry, key: string): Place | undefined {
  return entry.places.find(({ route }) => route.key === key);
}

function isOlder(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && a < b;
}
