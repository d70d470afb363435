import { ApiError } from '../errors.ts';
import type { AppRecord } from '../ports.ts';
import { readAppBody } from './app-body.ts';
import { changeOf, checkExtras, checkMemory, checkWishedUrls } from './apply-wishes.ts';
import { audit, capacityOf } from './context.ts';
import type { Call, Caller, Services } from './context.ts';
import { carryOut, planBindings } from './services/app-services.ts';
import { stageAndStart, waitAsLongAsTheClient } from './start-app.ts';

/**
 * Saves everything the body asks for or nothing (one transaction), then has gateways bind and unbind (503 when one
 * fails: then nothing is started), then makes the platform follow: start, stop, scale by the difference, or new URLs.
 */
export async function updateApp(
  services: Services,
  caller: Caller,
  call: Call,
  name: string,
  body: unknown,
): Promise<void> {
  const wishes = readAppBody(body);
  const capacity = capacityOf(services, caller.user.email);
  const who = { caller, call };
  const { before, after, bindings } = await services.store.apps.inSpace(caller.user, async (space) => {
    const present = await space.byName(name);
    if (!present) throw new ApiError(301);
    if (wishes.metaVersion !== undefined && wishes.metaVersion !== present.metaVersion)
      throw new ApiError(102);
    const change = changeOf(services, wishes, present);
    checkMemory(change, present, await space.usage(), capacity);
    const routes = checkWishedUrls(services, caller.user, wishes);
    checkExtras(services, wishes);
    if (change.state === 'STARTED' && present.packageHash === null) {
      throw new ApiError(300, 'no bits have been uploaded to start it from');
    }
    const planned = wishes.services && (await planBindings(services, space, who, present, wishes.services));
    const saved = await space.update(present.id, change);
    const full = routes ? await space.setRoutes(present.id, routes) : saved;
    return { before: present, after: full, bindings: planned };
  });
  await audit(services, caller, call, {
    type: 'app.update',
    targetType: 'app',
    target: name,
    detail: {
      guid: after.guid,
      state: after.state,
      instances: after.instances,
      memory: after.memoryMb,
      uris: after.uris,
    },
  });
  if (bindings) await carryOut(services, who, after, bindings);
  await follow(services, call, before, after);
}

async function follow(services: Services, call: Call, before: AppRecord, after: AppRecord): Promise<void> {
  const { instances } = services;
  const { trace } = call;
  if (after.state === 'STARTED' && before.state === 'STOPPED') {
    await waitAsLongAsTheClient(services, call, stageAndStart(services, call, after));
    return;
  }
  if (after.state === 'STOPPED') {
    if (before.state !== 'STARTED') return;
    await instances.stop(after, undefined, trace);
    instances.announceUpdated(after, trace);
    return;
  }
  // It was started and still is. While it is being staged nothing is done: the start that follows reads all of this.
  const staging = after.packageState === 'PENDING' && after.stagingTaskId !== null;
  if (after.dropletHash === null || staging) return;
  if (before.uris.join() !== after.uris.join()) await instances.updateUris(after, trace);
  if (after.instances > before.instances) {
    await instances.start(after, range(before.instances, after.instances), trace);
  } else if (after.instances < before.instances) {
    await instances.stop(after, range(after.instances, before.instances), trace);
  }
  instances.announceUpdated(after, trace);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, offset) => from + offset);
}
