import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ApiError } from '../errors.ts';
import { audit } from './context.ts';
import type { Call, Caller, Services } from './context.ts';
import { stageAndStart, waitAsLongAsTheClient } from './start-app.ts';

const restartBody = z.object({ meta: z.object({ version: z.number().int().nullish() }).nullish() }).nullish();

/**
 * PUT /apps/:name/update: runs the newest bits. The old instances serve while staging lasts, then all of them
 * stop and the new ones start. Throws 305 for a stopped app, 102 for an outdated meta.version.
 */
export async function restartApp(
  services: Services,
  caller: Caller,
  call: Call,
  name: string,
  body: unknown,
): Promise<void> {
  const parsed = restartBody.safeParse(body);
  if (!parsed.success) throw new ApiError(100);
  const expected = parsed.data?.meta?.version ?? undefined;
  const { before, after } = await services.store.apps.inSpace(caller.user, async (space) => {
    const present = await space.byName(name);
    if (!present) throw new ApiError(301);
    if (expected !== undefined && expected !== present.metaVersion) throw new ApiError(102);
    if (present.state !== 'STARTED') throw new ApiError(305);
    if (present.packageHash === null) throw new ApiError(300, 'no bits have been uploaded to start it from');
    const change = { version: randomUUID(), metaVersion: present.metaVersion + 1 };
    return { before: present, after: await space.update(present.id, change) };
  });
  await audit(services, caller, call, {
    type: 'app.restart',
    targetType: 'app',
    target: name,
    detail: { guid: after.guid },
  });
  const stopOld = () => services.instances.stop(before, undefined, call.trace);
  await waitAsLongAsTheClient(services, call, stageAndStart(services, call, after, stopOld));
}
