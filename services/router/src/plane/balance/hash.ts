import type { Endpoint } from '../table/endpoint.ts';
import { leastConnections } from './least-connections.ts';
import type { Policy } from './pick.ts';

/**
 * The same backend for the same header value as long as it is there (rendezvous hashing: when one goes, only its own
 * share moves). Requests without the header go to the least loaded.
 */
export const byHash: Policy = (route, eligible, facts) => {
  if (facts.hashValue === undefined) return leastConnections(route, eligible, facts);
  let best: Endpoint | undefined;
  let bestScore = -1;
  for (const endpoint of route.members) {
    if (!eligible(endpoint)) continue;
    const score = fnv1a(`${facts.hashValue} ${endpoint.facts.address}`);
    if (score <= bestScore) continue;
    best = endpoint;
    bestScore = score;
  }
  return best;
};

/** FNV-1a with a final mix, so that texts which differ at the end differ in the high bits too. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
