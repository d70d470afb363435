import type { AppDocument } from '../api/schemas.ts';

/** The Health column: STOPPED, RUNNING, a percentage, or N/A when it is not known. */
export function healthOf(app: Pick<AppDocument, 'state' | 'instances' | 'runningInstances'>): string {
  if (app.state !== 'STARTED') return app.state;
  const running = app.runningInstances;
  if (running === null || running === undefined || app.instances < 1) return 'N/A';
  return running >= app.instances ? 'RUNNING' : `${Math.floor((running * 100) / app.instances)}%`;
}
