import { isFlapping } from './backoff.ts';
import type { Ledger } from './ledger.ts';
import { holdsIndex } from './types.ts';
import type { ActualView, DesiredView, Settings } from './types.ts';

/** Totals over all apps, for /varz. */
export interface Summary {
  apps: number;
  instances: number;
  running: number;
  crashed: number;
  missing: number;
  flapping: number;
}

/** Counts over the wanted apps: `missing` are indices nobody holds, `flapping` those of them with delayed restarts. */
export function summarise(
  desired: DesiredView | undefined,
  actual: ActualView,
  ledger: Ledger,
  settings: Settings,
): Summary {
  const summary: Summary = {
    apps: desired?.apps.size ?? 0,
    instances: 0,
    running: 0,
    crashed: 0,
    missing: 0,
    flapping: 0,
  };
  for (const instances of actual.apps.values()) {
    for (const one of instances.values()) {
      if (one.state === 'RUNNING') summary.running += 1;
      if (one.state === 'CRASHED') summary.crashed += 1;
    }
  }
  for (const app of desired?.apps.values() ?? []) {
    if (!app.started) continue;
    summary.instances += app.instances;
    const held = new Set<number>();
    for (const one of actual.apps.get(app.id)?.values() ?? []) {
      if (one.version === app.version && one.index < app.instances && holdsIndex(one)) held.add(one.index);
    }
    summary.missing += app.instances - held.size;
    for (const { index, slot } of ledger.crashes(app.id, app.version)) {
      if (!held.has(index) && isFlapping(slot.crashes, settings)) summary.flapping += 1;
    }
  }
  return summary;
}
