import type { Clock } from '@vcap/clock';

/** How long the first requests wait instead of being refused: for the handles, and for the first node. Milliseconds. */
const handlesPatienceMs = 15_000;
const nodesPatienceMs = 3000;
const lookMs = 50;

/**
 * Requests that come in a gateway's first moments wait until it knows its instances and some node; later ones are
 * answered at once, as they can be. Gives whether it knows its instances.
 */
export function hasBegun(
  clock: Clock,
  loaded: () => boolean,
  hasNode: () => boolean,
): () => Promise<boolean> {
  const began = clock.monotonic();
  const waits = (): boolean => {
    const age = clock.monotonic() - began;
    return (!loaded() && age < handlesPatienceMs) || (!hasNode() && age < nodesPatienceMs);
  };
  return async () => {
    while (waits()) await clock.sleep(lookMs);
    return loaded();
  };
}
