import type { AppRecord } from '../ports.ts';

export type UpdateState = 'UPDATING' | 'SUCCEEDED' | 'CANARY_FAILED';

/** GET /apps/:name/update: how far the last restart is (reference §1.2e). */
export function updateState(app: AppRecord, running: number | null, crashes: number): UpdateState {
  if (app.state !== 'STARTED' || app.packageState === 'FAILED' || app.staleDroplet) return 'CANARY_FAILED';
  if (app.packageState === 'PENDING') return 'UPDATING';
  if (running === app.instances) return 'SUCCEEDED';
  return crashes > 0 ? 'CANARY_FAILED' : 'UPDATING';
}
