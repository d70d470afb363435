import type { RuncHost } from './host.ts';
import { findLeftovers, hasTable } from './leftovers.ts';
import type { Known } from './leftovers.ts';

const ROUNDS = 20;
const ROUND_MS = 50;

/**
 * Removes what belongs to no known container: after each round it looks again, as killed processes take a moment and let
 * go of what they held. Gives the handles of what it found. What will not go (a disk that a foreign mount namespace holds)
 * is left for the next time.
 */
export async function sweep(host: RuncHost, known: Known): Promise<string[]> {
  const handles = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const left = await findLeftovers(host, known);
    if (left.length === 0) break;
    for (const { handle } of left) if (handle !== undefined) handles.add(handle);
    // One that fails waits for another, or for the next round.
    for (const leftover of left) await leftover.remove().catch(() => undefined);
    if (round > 0) await host.clock.sleep(ROUND_MS);
  }
  return [...handles];
}

/** All of ours on the machine that belongs to nothing known, in words. Empty: nothing leaked. */
export async function inspect(host: RuncHost, known: Known): Promise<string[]> {
  const found = (await findLeftovers(host, known)).map(({ kind, name }) => `${kind} ${name}`);
  if (known.handles.size > known.retired.size) return found;
  if (await hasTable(host)) found.push(`table ${host.owner.table}`);
  return found;
}
