import type { AppRecord, InstanceView } from '../ports.ts';
import type { ActualInstance, ActualState } from './actual-state.ts';

/** Lower is better: whose state an index shows when several instances claim it. */
const RANK: Partial<Record<ActualInstance['state'], number>> = { RUNNING: 0, EVACUATING: 1, STARTING: 2 };

/** Older news of a living DEA does not keep an index: two of its beats are missing. */
const TRUSTED_AGE_MS = 25_000;

/** The instance that stands for each index 0..n-1 of the app's current version: serving before starting. */
export function liveByIndex(app: AppRecord, actual: readonly ActualInstance[]): Map<number, ActualInstance> {
  const best = new Map<number, ActualInstance>();
  for (const each of actual) {
    if (each.version !== app.version || each.index >= app.instances || RANK[each.state] === undefined)
      continue;
    const present = best.get(each.index);
    if (!present || weight(each) < weight(present)) best.set(each.index, each);
  }
  return best;
}

function weight({ state, leaving }: ActualInstance): number {
  return (RANK[state] ?? 9) + (leaving ? 0.5 : 0);
}

/** How many indices serve: RUNNING, or EVACUATING until their replacement runs. */
export function countRunning(app: AppRecord, actual: readonly ActualInstance[]): number {
  return [...liveByIndex(app, actual).values()].filter(({ state }) => state !== 'STARTING').length;
}

/** Whether a start of this index would make a second one: it runs, starts, or was ordered a moment ago. */
export function isTaken(state: ActualState, droplet: string, version: string, index: number): boolean {
  if (state.orderedSince(droplet, version, index) !== undefined) return true;
  return state
    .of(droplet)
    .some(
      (each) =>
        each.version === version &&
        each.index === index &&
        (each.state === 'RUNNING' || each.state === 'STARTING') &&
        !each.leaving &&
        each.ageMs < TRUSTED_AGE_MS,
    );
}

/** One row per index; an index that nobody tells of is FLAPPING if the health manager says so, else DOWN since now. */
export function toViews(
  app: AppRecord,
  live: ReadonlyMap<number, Pick<InstanceView, 'state' | 'since'>>,
  flapping: ReadonlyMap<number, number>,
  nowSeconds: number,
): InstanceView[] {
  return Array.from({ length: app.instances }, (_, index) => {
    const present = live.get(index);
    if (present) return { ...present, index };
    const since = flapping.get(index);
    return since === undefined
      ? { index, state: 'DOWN', since: nowSeconds }
      : { index, state: 'FLAPPING', since: Math.floor(since) };
  });
}
