import { ApiError } from '../errors.ts';
import { isDuplicate } from '../db/open.ts';
import { defaultMemoryMb } from '../domain/frameworks.ts';
import type { AppRecord } from '../ports.ts';
import { readAppBody } from './app-body.ts';
import { checkExtras, checkMemory, checkWishedUrls, wishedStack } from './apply-wishes.ts';
import { audit, capacityOf } from './context.ts';
import type { Call, Caller, Services } from './context.ts';
import { deleteApp } from './delete-app.ts';
import { carryOut, planBindings } from './services/app-services.ts';

const DISK_MB = 2048;
const FILE_DESCRIPTORS = 256;

/** Makes an app, all of it or nothing. It cannot be started before its bits are there (throws 300). */
export async function createApp(
  services: Services,
  caller: Caller,
  call: Call,
  body: unknown,
): Promise<AppRecord> {
  const wishes = readAppBody(body);
  const { name } = wishes;
  if (name === undefined || !/^[\w-]{1,255}$/.test(name)) {
    throw new ApiError(300, 'name must be made of letters, digits, _ and -');
  }
  const who = { caller, call };
  const capacity = capacityOf(services, caller.user.email);
  try {
    const { created, bindings } = await services.store.apps.inSpace(caller.user, async (space) => {
      const usage = await space.usage();
      if (usage.apps >= capacity.apps) throw new ApiError(601, usage.apps, capacity.apps);
      const stack = wishedStack(services, wishes, undefined);
      const wanted = {
        state: wishes.state ?? ('STOPPED' as const),
        memoryMb: wishes.memoryMb ?? defaultMemoryMb(stack.framework),
        instances: wishes.instances ?? 1,
      };
      checkMemory(wanted, undefined, usage, capacity);
      const routes = checkWishedUrls(services, caller.user, wishes);
      checkExtras(services, wishes);
      if (wanted.state === 'STARTED') throw new ApiError(300, 'no bits have been uploaded to start it from');
      const app = await space.insert({
        ...wanted,
        ...stack,
        name,
        command: wishes.command ?? null,
        diskMb: DISK_MB,
        fds: FILE_DESCRIPTORS,
        env: wishes.env ?? [],
        debug: wishes.debug,
        console: wishes.console,
      });
      const planned = await planBindings(services, space, who, app, wishes.services ?? []);
      const full = routes && routes.length > 0 ? await space.setRoutes(app.id, routes) : app;
      return { created: full, bindings: planned };
    });
    await audit(services, caller, call, {
      type: 'app.create',
      targetType: 'app',
      target: created.name,
      detail: { guid: created.guid, framework: created.framework, uris: created.uris },
    });
    await carryOut(services, who, created, bindings).catch(async (error: unknown) => {
      await deleteApp(services, caller, call, created.name);
      throw error;
    });
    return created;
  } catch (error) {
    if (isDuplicate(error)) throw new ApiError(300, `you already have an app named ${name}`);
    throw error;
  }
}
