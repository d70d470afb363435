import { ApiError } from '../errors.ts';
import type { AppRecord } from '../ports.ts';
import type { AppChange } from '../repositories/app-rows.ts';
import type { Call, Services } from './context.ts';
import { replaceInstances } from './replace-instances.ts';
import { keepOld, needsStaging, stageWithLease } from './stage-with-lease.ts';
import type { StagingFailure } from './stage-with-lease.ts';

/**
 * Stages the app if its bits changed and then starts all instances of `app.version`, unless the app was
 * stopped or started anew meanwhile. `replaced` is what runs until then: with two instances or more they are
 * replaced one by one, and go on when staging or the first new one fails. Without it the app goes back to
 * STOPPED. 310 says why.
 */
export async function stageAndStart(
  services: Services,
  call: Call,
  app: AppRecord,
  replaced?: AppRecord,
): Promise<void> {
  if (needsStaging(app)) {
    const failure = await stageWithLease(services, call, app);
    if (failure) await giveUp(services, call, app, failure, replaced);
  }
  const staged = await services.store.apps.byGuid(app.guid);
  if (!staged || staged.version !== app.version || staged.state !== 'STARTED') {
    call.log.info({ event: 'start-overtaken', app: app.guid });
    return;
  }
  const { instances } = services;
  if (replaced && replaced.instances > 1 && staged.instances > 1) {
    instances.announceUpdated(staged, call.trace);
    const outcome = await replaceInstances(services, call, replaced, staged);
    if (outcome === 'crashed') await takeBack(services, call, staged, replaced);
    if (outcome !== 'replaced') return;
  } else {
    if (replaced) await instances.stop(replaced, allOf(replaced), call.trace);
    await instances.start(staged, undefined, call.trace);
  }
  if (replaced) {
    await services.store.apps.updateAtVersion(app.guid, app.version, {
      replacingVersion: null,
      replacingUntil: 0,
    });
  }
  instances.announceUpdated(staged, call.trace);
}

function allOf(app: AppRecord): number[] {
  return Array.from({ length: app.instances }, (_, index) => index);
}

async function giveUp(
  services: Services,
  call: Call,
  app: AppRecord,
  failure: StagingFailure,
  replaced: AppRecord | undefined,
): Promise<never> {
  const change = replaced
    ? keepOld(replaced, failure.message)
    : {
        state: 'STOPPED' as const,
        // Without a stager the bits are not to blame: they stay PENDING for the next start.
        packageState: failure.noStager ? ('PENDING' as const) : ('FAILED' as const),
        stagingError: failure.message,
        stagingLeaseUntil: 0,
      };
  await changeAndTell(services, call, app, change);
  throw new ApiError(310, failure.message);
}

async function takeBack(
  services: Services,
  call: Call,
  staged: AppRecord,
  replaced: AppRecord,
): Promise<never> {
  const why = `the first new instance crashed when it started; the ${replaced.instances} instances before it go on`;
  await changeAndTell(services, call, staged, keepOld(replaced, why));
  await services.instances.stop(staged, allOf(staged), call.trace);
  throw new ApiError(310, why);
}

async function changeAndTell(
  services: Services,
  call: Call,
  app: AppRecord,
  change: AppChange,
): Promise<void> {
  await services.store.apps.updateAtVersion(app.guid, app.version, change);
  const now = await services.store.apps.byGuid(app.guid);
  if (now) services.instances.announceUpdated(now, call.trace);
}

/**
 * Waits for `work` as long as a client waits for an answer. When it takes longer the call is answered and
 * the work goes on; what becomes of it is in the log, and in the app's state.
 */
export async function waitAsLongAsTheClient(
  services: Services,
  call: Call,
  work: Promise<void>,
): Promise<void> {
  const clientLeft = new AbortController();
  const patience = services.clock
    .sleep(services.config.start_wait_seconds * 1000, clientLeft.signal)
    .then(() => 'later' as const);
  try {
    const first = await Promise.race([work.then(() => 'done' as const), patience]);
    if (first === 'done') return;
    call.log.info({ event: 'start-goes-on-in-background' });
    work.catch((error: unknown) => {
      call.log.warn({ event: 'background-start-failed', err: error });
    });
  } finally {
    clientLeft.abort();
  }
}
