import type { Endpoint } from './endpoint.ts';

/** One endpoint's place under one uri, with the monotonic time of its last registration in ms. */
export interface RouteMember {
  readonly endpoint: Endpoint;
  seenAt: number;
}

/** A host name the router knows, with or without endpoints. */
export interface Route {
  readonly uri: string;
  readonly members: RouteMember[];
  /** Where the next round-robin turn starts; moved by the balancer. */
  cursor: number;
  /** Monotonic ms since when it has had no member; undefined while it has one. */
  emptySince: number | undefined;
}

/** A lookup's answer: a route with members, a known host without, or a host never heard of. */
export type Lookup =
  | { readonly kind: 'found'; readonly route: Route }
  | { readonly kind: 'empty' }
  | { readonly kind: 'unknown' };
