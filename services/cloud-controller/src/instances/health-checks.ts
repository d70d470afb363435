import type { AppRecord } from '../ports.ts';

/** Why a request of the health manager is obeyed, or why it is not. */
export interface Verdict {
  readonly obey: boolean;
  readonly why: string;
}

type Wanted = Pick<
  AppRecord,
  'version' | 'instances' | 'state' | 'packageState' | 'dropletHash' | 'replacingVersion' | 'replacingUntil'
>;

/**
 * Whether to start this index, by the database and not by what the health manager believed when it wrote
 * (nats-messages §1.7, last table, row D); in addition not when a living DEA has it running.
 */
export function checkStart(
  app: Wanted | undefined,
  wish: { version: string; index: number; taken: boolean },
): Verdict {
  const no = (why: string): Verdict => ({ obey: false, why });
  if (!app) return no('app-gone');
  if (app.state !== 'STARTED') return no('app-stopped');
  if (app.version !== wish.version) return no('other-version');
  if (wish.index >= app.instances) return no('index-too-high');
  if (app.packageState !== 'STAGED') return no('not-staged');
  if (app.dropletHash === null) return no('no-droplet');
  if (wish.taken) return no('already-running');
  return { obey: true, why: 'missing' };
}

/** Whether to stop this instance (row D). Its index may be unknown; then the index is no reason to stop. */
export function checkStop(
  app: Wanted | undefined,
  extra: { version: string; index: number | undefined; isDuplicate: boolean },
  nowMs: number,
): Verdict {
  const yes = (why: string): Verdict => ({ obey: true, why });
  if (!app) return yes('app-gone');
  if (app.packageState === 'FAILED') return yes('staging-failed');
  if (extra.isDuplicate) return yes('duplicate');
  const serves = app.replacingVersion === extra.version && nowMs < app.replacingUntil;
  if (serves && app.state === 'STARTED') return { obey: false, why: 'being-replaced' };
  if (app.version !== extra.version) return yes('other-version');
  if (extra.index !== undefined && extra.index >= app.instances) return yes('index-too-high');
  if (app.state === 'STOPPED') return yes('app-stopped');
  return { obey: false, why: 'wanted' };
}
