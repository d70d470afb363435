import type { AppRecord } from '../ports.ts';
import type { AppChange } from '../repositories/app-rows.ts';
import type { Call, Services } from './context.ts';
import { REPLACING_LEASE_MS } from './replace-instances.ts';

/** A controller that did not renew its word for so long is dead: another one ends what it began. */
export const STAGING_LEASE_MS = 30_000;
const RENEW_EVERY_MS = 10_000;

/** Why a staging came to nothing. `noStager`: the bits are not to blame. */
export interface StagingFailure {
  message: string;
  noStager?: boolean;
}

/** Whether the app's newest bits are not its droplet yet. */
export function needsStaging(app: AppRecord): boolean {
  return app.packageState !== 'STAGED' || app.dropletHash === null || app.staleDroplet;
}

/** Stages, and says so in the database as long as it lasts. Undefined when the app is staged. */
export async function stageWithLease(
  services: Services,
  call: Call,
  app: AppRecord,
): Promise<StagingFailure | undefined> {
  const { store, clock, staging } = services;
  const renew = () => {
    const now = clock.now();
    const until = { staging: now + STAGING_LEASE_MS, replacing: now + REPLACING_LEASE_MS };
    return store.apps.renewLeases(app.guid, app.version, until).catch((err: unknown) => {
      call.log.warn({ event: 'staging-lease-not-renewed', app: app.guid, err });
    });
  };
  await renew();
  const timer = clock.setInterval(() => void renew(), RENEW_EVERY_MS);
  try {
    const result = await staging.stage(app, call.trace);
    return result.ok ? undefined : result;
  } catch (err) {
    call.log.error({ event: 'staging-broke', app: app.guid, err });
    return { message: 'the stager could not be reached', noStager: true };
  } finally {
    timer.cancel();
  }
}

/** What brings an app back to the instances that still run, after its update failed. */
export function keepOld(
  old: Pick<AppRecord, 'version'> & Partial<Pick<AppRecord, 'dropletHash' | 'detectedStartCommand'>>,
  why: string,
): AppChange {
  return {
    version: old.version,
    ...(old.dropletHash !== undefined && { dropletHash: old.dropletHash }),
    ...(old.detectedStartCommand !== undefined && { detectedStartCommand: old.detectedStartCommand }),
    packageState: 'STAGED',
    staleDroplet: true,
    stagingTaskId: null,
    replacingVersion: null,
    replacingUntil: 0,
    stagingLeaseUntil: 0,
    stagingError: why,
  };
}
