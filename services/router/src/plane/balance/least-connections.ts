import type { Endpoint } from '../table/endpoint.ts';
import type { TableRoute } from '../table/table.ts';
import type { Eligible, Policy } from './pick.ts';
import { weightOf } from './slow-start.ts';

/** The backend with the fewest running requests for its weight, ties in turn. */
export const leastConnections: Policy = (route: TableRoute, eligible: Eligible, { now, slowStartMs }) => {
  const { members } = route;
  let best: Endpoint | undefined;
  let bestLoad = Infinity;
  let bestAt = 0;
  for (let step = 0; step < members.length; step += 1) {
    const at =
      route.cursor + step < members.length ? route.cursor + step : route.cursor + step - members.length;
    const endpoint = members[at] as Endpoint;
    if (!eligible(endpoint)) continue;
    const load = (endpoint.active + 1) / weightOf(endpoint, now, slowStartMs);
    if (load >= bestLoad) continue;
    best = endpoint;
    bestLoad = load;
    bestAt = at;
  }
  if (best !== undefined) route.cursor = (bestAt + 1) % members.length;
  return best;
};
