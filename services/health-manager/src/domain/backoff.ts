import type { Settings } from './types.ts';

/** Milliseconds from crash number `crashes` (1 is the first) to the restart: some at once, then doubling to a cap. */
export function restartDelay(crashes: number, settings: Settings): number {
  const delayed = crashes - settings.immediateRestarts;
  if (delayed <= 0) return 0;
  return Math.min(settings.minBackoffMs * 2 ** Math.min(delayed - 1, 40), settings.maxBackoffMs);
}

/** Whether an index with that many crashes is FLAPPING: its restarts are delayed. */
export function isFlapping(crashes: number, settings: Settings): boolean {
  return crashes > settings.immediateRestarts;
}
