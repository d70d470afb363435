import { ApiError } from '../errors.ts';
import { audit } from './context.ts';
import type { Call, Caller, Services } from './context.ts';
import { releaseApp, revokeAll } from './services/app-services.ts';

/** Removes the app from the database first: what is not desired any more gets stopped even if a message is lost. */
export async function deleteApp(services: Services, caller: Caller, call: Call, name: string): Promise<void> {
  const { app, unbinds } = await services.store.apps.inSpace(caller.user, async (space) => {
    const present = await space.byName(name);
    if (!present) throw new ApiError(301);
    const released = await releaseApp(services, space, { caller, call }, present);
    await space.remove(present.id);
    return { app: present, unbinds: released };
  });
  await audit(services, caller, call, {
    type: 'app.delete',
    targetType: 'app',
    target: name,
    detail: { guid: app.guid },
  });
  const stopped = { ...app, state: 'STOPPED' as const };
  await services.instances.stop(stopped, undefined, call.trace);
  services.instances.announceUpdated(stopped, call.trace);
  await revokeAll(services, call, unbinds);
  await dropBits(services, call, app.guid);
}

/** Forgets the bits of an app that is gone. Left-over files harm nobody, so a failure is only logged. */
export async function dropBits(services: Services, call: Call, appGuid: string): Promise<void> {
  try {
    await services.bits.deleteApp(appGuid);
  } catch (error) {
    call.log.warn({ event: 'bits-left-behind', app: appGuid, err: error });
  }
}
