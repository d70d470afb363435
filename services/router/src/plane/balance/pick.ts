import type { PlaneSettings } from '../context.ts';
import type { Endpoint } from '../table/endpoint.ts';
import type { TableRoute } from '../table/table.ts';
import { byHash } from './hash.ts';
import { leastConnections } from './least-connections.ts';
import { roundRobin } from './round-robin.ts';

/** Whether a backend may be chosen. */
export type Eligible = (endpoint: Endpoint) => boolean;

/** What a policy may go by; `now` is monotonic ms. */
export interface PolicyFacts {
  readonly now: number;
  readonly slowStartMs: number;
  readonly hashValue: string | undefined;
  readonly random: () => number;
}

/** Chooses among the eligible backends of a route. */
export type Policy = (route: TableRoute, eligible: Eligible, facts: PolicyFacts) => Endpoint | undefined;

/** The backend for one attempt; undefined when none is left. */
export type Pick = (
  route: TableRoute,
  tried: ReadonlySet<Endpoint> | undefined,
  stickyId: string | undefined,
  hashValue: string | undefined,
  now: number,
) => Endpoint | undefined;

const policies: Readonly<Record<PlaneSettings['balance'], Policy>> = {
  'least-connections': leastConnections,
  'round-robin': roundRobin,
  hash: byHash,
};

/**
 * The sticky instance while it is up, else what the policy says. Backends in `tried` are passed over. Suspects are a
 * last resort, so that one poisonous request cannot take a whole application out.
 */
export function createPick(options: PickOptions, random: () => number): Pick {
  const policy = policies[options.balance];
  const limit = options.backendLimit === 0 ? Infinity : options.backendLimit;
  return (route, tried, stickyId, hashValue, now) => {
    const { members } = route;
    if (members.length === 1) {
      const only = members[0] as Endpoint;
      return only.health === 'down' || only.active >= limit || tried?.has(only) === true ? undefined : only;
    }
    const free = (endpoint: Endpoint): boolean =>
      endpoint.active < limit && (tried === undefined || !tried.has(endpoint));
    if (stickyId !== undefined) {
      for (const endpoint of members) {
        if (endpoint.facts.privateInstanceId !== stickyId) continue;
        if (endpoint.health === 'up' && free(endpoint)) return endpoint;
      }
    }
    const facts = { now, slowStartMs: options.slowStartMs, hashValue, random };
    return (
      policy(route, (endpoint) => endpoint.health === 'up' && free(endpoint), facts) ??
      policy(route, (endpoint) => endpoint.health === 'suspect' && free(endpoint), facts)
    );
  };
}

export type PickOptions = { readonly [K in 'balance' | 'backendLimit' | 'slowStartMs']: PlaneSettings[K] };
