import { wildcardKeys } from '../../registry/host-name.ts';
import { Endpoint } from './endpoint.ts';
import type { EndpointFacts } from './endpoint.ts';

/** A route's backends, in the order they came. A route without any is known, and answered 503. */
export interface TableRoute {
  /** Host, or host and path. */
  readonly key: string;
  members: Endpoint[];
  /** Where the next turn starts. */
  cursor: number;
}

/** One change of the routes, in a form that goes between processes. */
export type RouteChange =
  /** The backend serves the route. */
  | readonly ['add', key: string, facts: EndpointFacts]
  /** It serves the route no more; the route stays known. */
  | readonly ['remove', key: string, address: string]
  /** The route is known, though nobody serves it. */
  | readonly ['empty', key: string]
  /** The route is not known any more. */
  | readonly ['forget', key: string]
  /** The backend was registered again after it failed. */
  | readonly ['up', address: string]
  /** It had failed before this router was started, and was not registered since. */
  | readonly ['down', address: string];

/** The data plane's copy of the routes. */
export class RouteTable {
  readonly #routes = new Map<string, TableRoute>();
  readonly #endpoints = new Map<string, Endpoint>();
  /** Paths of hosts that have any, the longest first. */
  readonly #paths = new Map<string, string[]>();
  readonly #gone: (endpoint: Endpoint) => void;
  readonly #now: () => number;

  /** `gone` is called with each endpoint that no route names any more. */
  constructor(options: { gone: (endpoint: Endpoint) => void; now: () => number }) {
    this.#gone = options.gone;
    this.#now = options.now;
  }

  apply(change: RouteChange): void {
    if (change[0] === 'add') this.#add(change[1], change[2]);
    else if (change[0] === 'remove') this.#remove(change[1], change[2]);
    else if (change[0] === 'empty') this.#route(change[1]);
    else if (change[0] === 'forget') this.#forget(change[1]);
    else {
      const endpoint = this.#endpoints.get(change[1]);
      if (endpoint !== undefined) endpoint.health = change[0];
    }
  }

  /**
   * Exact host first, its longest path first, then `*.` wildcards, the nearest first. A route without backends does
   * not fall through to a shorter one: its visitors would land in another application.
   */
  find(host: string, target: string): TableRoute | undefined {
    const exact = this.#at(host, target);
    if (exact !== undefined) return exact;
    for (const key of wildcardKeys(host)) {
      const route = this.#at(key, target);
      if (route !== undefined) return route;
    }
    return undefined;
  }

  /** All that `find` may find for a host, in the order in which it looks: up to the first that takes any path. */
  candidates(host: string): { path: string; route: TableRoute }[] {
    const found: { path: string; route: TableRoute }[] = [];
    for (const key of [host, ...wildcardKeys(host)]) {
      for (const path of this.#paths.get(key) ?? []) {
        const route = this.#routes.get(key + path);
        if (route !== undefined) found.push({ path, route });
      }
      const route = this.#routes.get(key);
      if (route === undefined) continue;
      found.push({ path: '', route });
      break;
    }
    return found;
  }

  /** Routes, with or without backends. */
  get size(): number {
    return this.#routes.size;
  }

  get endpoints(): ReadonlyMap<string, Endpoint> {
    return this.#endpoints;
  }

  #at(host: string, target: string): TableRoute | undefined {
    if (this.#paths.size > 0) {
      for (const path of this.#paths.get(host) ?? []) {
        if (startsWithPath(target, path)) return this.#routes.get(host + path);
      }
    }
    return this.#routes.get(host);
  }

  #add(key: string, facts: EndpointFacts): void {
    let endpoint = this.#endpoints.get(facts.address);
    if (endpoint === undefined) {
      endpoint = new Endpoint(facts, this.#now());
      this.#endpoints.set(facts.address, endpoint);
    }
    const route = this.#route(key);
    if (route.members.includes(endpoint)) return;
    // A list that is made for one takes less than one that grows, and most routes have one.
    if (route.members.length === 0) route.members = [endpoint];
    else route.members.push(endpoint);
    endpoint.routes += 1;
  }

  #route(key: string): TableRoute {
    let route = this.#routes.get(key);
    if (route === undefined) {
      route = { key, members: [], cursor: 0 };
      this.#routes.set(key, route);
      this.#notePath(key);
    }
    return route;
  }

  #remove(key: string, address: string): void {
    const route = this.#routes.get(key);
    const endpoint = this.#endpoints.get(address);
    if (route === undefined || endpoint === undefined) return;
    const at = route.members.indexOf(endpoint);
    if (at < 0) return;
    route.members.splice(at, 1);
    if (route.cursor > at) route.cursor -= 1;
    endpoint.routes -= 1;
    if (endpoint.routes > 0) return;
    this.#endpoints.delete(address);
    this.#gone(endpoint);
  }

  #forget(key: string): void {
    const route = this.#routes.get(key);
    if (route === undefined) return;
    for (const { facts } of Array.from(route.members)) this.#remove(key, facts.address);
    this.#routes.delete(key);
    const slash = key.indexOf('/');
    if (slash < 0) return;
    const host = key.slice(0, slash);
    const left = (this.#paths.get(host) ?? []).filter((path) => path !== key.slice(slash));
    if (left.length === 0) this.#paths.delete(host);
    else this.#paths.set(host, left);
  }

  #notePath(key: string): void {
    const slash = key.indexOf('/');
    if (slash < 0) return;
    const host = key.slice(0, slash);
    const paths = [...(this.#paths.get(host) ?? []), key.slice(slash)];
    this.#paths.set(
      host,
      paths.sort((a, b) => b.length - a.length),
    );
  }
}

/** Whether a request's target is the path or below it. */
function startsWithPath(target: string, path: string): boolean {
  if (!target.startsWith(path)) return false;
  const next = target.charCodeAt(path.length);
  return Number.isNaN(next) || next === 47 || next === 63 || next === 35;
}
