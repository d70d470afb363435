import type { Endpoint } from '../registry/endpoint.ts';
import type { Route } from '../registry/route.ts';

/**
 * The endpoint for one attempt: the sticky instance while it is up, else the one with the fewest
 * running requests, ties in turn. Endpoints in `tried` are passed over. Suspects are a last
 * resort, so that one poisonous request cannot take a whole app out. None gets more than `limit`
 * running requests. Undefined when none is left.
 */
export function pick(
  route: Route,
  tried: ReadonlySet<Endpoint>,
  stickyId?: string,
  limit = Infinity,
): Endpoint | undefined {
  if (stickyId !== undefined) {
    const sticky = route.members.find(
      ({ endpoint }) =>
        endpoint.privateInstanceId === stickyId &&
        endpoint.health === 'up' &&
        endpoint.active < limit &&
        !tried.has(endpoint),
    );
    if (sticky !== undefined) return sticky.endpoint;
  }
  return leastLoaded(route, 'up', tried, limit) ?? leastLoaded(route, 'suspect', tried, limit);
}

function leastLoaded(
  route: Route,
  health: 'up' | 'suspect',
  tried: ReadonlySet<Endpoint>,
  limit: number,
): Endpoint | undefined {
  const { members } = route;
  let best: Endpoint | undefined;
  let bestAt = 0;
  for (let step = 0; step < members.length; step += 1) {
    const at = (route.cursor + step) % members.length;
    const endpoint = members[at]?.endpoint;
    if (endpoint === undefined || endpoint.health !== health || tried.has(endpoint)) continue;
    if (endpoint.active >= (best?.active ?? limit)) continue;
    best = endpoint;
    bestAt = at;
  }
  if (best !== undefined) route.cursor = (bestAt + 1) % members.length;
  return best;
}
