import { isFlapping } from './backoff.ts';
import type { Ledger } from './ledger.ts';
import type { ActualView, DesiredApp, Settings } from './types.ts';

/** Number of the app's indices with a RUNNING instance of the version. */
export function healthyIndices(app: DesiredApp, version: string, actual: ActualView): number {
  const up = new Set<number>();
  for (const one of actual.apps.get(app.id)?.values() ?? []) {
    if (one.version === version && one.state === 'RUNNING' && one.index < app.instances) up.add(one.index);
  }
  return up.size;
}

/** Indices whose restarts are delayed and that are not up now, with their last crash in seconds. */
export function flappingIndices(
  app: DesiredApp,
  version: string,
  ledger: Ledger,
  settings: Settings,
): { index: number; since: number }[] {
  return ledger
    .crashes(app.id, version)
    .filter(({ index, slot }) => index < app.instances && !slot.held && isFlapping(slot.crashes, settings))
    .map(({ index, slot }) => ({ index, since: Math.floor(slot.lastCrash ?? 0) }));
}

/** The app's crashed instances that a DEA still keeps. */
export function crashedInstances(app: string, actual: ActualView): { instance: string; since: number }[] {
  return [...(actual.apps.get(app)?.values() ?? [])]
    .filter((one) => one.state === 'CRASHED')
    .map((one) => ({ instance: one.instance, since: Math.floor(one.stateTimestamp) }));
}
