import { ApiError } from '../errors.ts';
import type { AppRecord } from '../ports.ts';
import type { Call, Services } from './context.ts';

/**
 * Stages the app if its bits changed and then starts all instances of `app.version`, unless the app was
 * stopped or started anew meanwhile. When staging fails the app goes back to STOPPED, and 310 says why.
 */
export async function stageAndStart(
  services: Services,
  call: Call,
  app: AppRecord,
  beforeStart: () => Promise<void> = async () => {},
): Promise<void> {
  if (app.packageState !== 'STAGED' || app.dropletHash === null) {
    const result = await services.staging.stage(app, call.trace).catch((error: unknown) => {
      call.log.error({ event: 'staging-broke', app: app.guid, err: error });
      return { ok: false as const, message: 'the stager could not be reached', noStager: true };
    });
    if (!result.ok) await giveUp(services, call, app, result);
  }
  const staged = await services.store.apps.byGuid(app.guid);
  if (!staged || staged.version !== app.version || staged.state !== 'STARTED') {
    call.log.info({ event: 'start-overtaken', app: app.guid });
    return;
  }
  await beforeStart();
  await services.instances.start(staged, undefined, call.trace);
  services.instances.announceUpdated(staged, call.trace);
}

async function giveUp(
  services: Services,
  call: Call,
  app: AppRecord,
  failure: { message: string; noStager?: boolean },
): Promise<never> {
  // Without a stager the bits are not to blame: they stay PENDING for the next start.
  await services.store.apps.updateAtVersion(app.guid, app.version, {
    state: 'STOPPED',
    packageState: failure.noStager ? 'PENDING' : 'FAILED',
  });
  const stopped = await services.store.apps.byGuid(app.guid);
  if (stopped) services.instances.announceUpdated(stopped, call.trace);
  throw new ApiError(310, failure.message);
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
