import type { Endpoint } from '../table/endpoint.ts';
import type { Policy } from './pick.ts';
import { weightOf } from './slow-start.ts';

/** One backend after another; one in its slow start is passed over in a share of its turns. */
export const roundRobin: Policy = (route, eligible, { now, slowStartMs, random }) => {
  const { members } = route;
  let passedOver: Endpoint | undefined;
  for (let step = 0; step < members.length; step += 1) {
    const at = (route.cursor + step) % members.length;
    const endpoint = members[at] as Endpoint;
    if (!eligible(endpoint)) continue;
    const weight = weightOf(endpoint, now, slowStartMs);
    if (weight < 1 && random() > weight) {
      passedOver ??= endpoint;
      continue;
    }
    route.cursor = (at + 1) % members.length;
    return endpoint;
  }
  return passedOver;
};
