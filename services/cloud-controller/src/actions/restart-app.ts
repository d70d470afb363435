import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ApiError } from '../errors.ts';
import { audit } from './context.ts';
import type { Call, Caller, Services } from './context.ts';
import { REPLACING_LEASE_MS } from './replace-instances.ts';
import { STAGING_LEASE_MS } from './stage-with-lease.ts';
import { stageAndStart, waitAsLongAsTheClient } from './start-app.ts';

const restartBody = z.object({ meta: z.object({ version: z.number().int().nullish() }).nullish() }).nullish();

/**
 * PUT /apps/:name/update: runs the newest bits. The old instances serve while staging lasts; two or more are then
 * replaced one by one, a single one stops before the new one starts. Throws 305 for a stopped app, 102 for an outdated meta.version.
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
    const now = services.clock.now();
    const change = {
      version: randomUUID(),
      metaVersion: present.metaVersion + 1,
      stagingError: null,
      stagingLeaseUntil: now + STAGING_LEASE_MS,
      ...(present.dropletHash !== null && {
        replacingVersion: present.version,
        replacingUntil: now + REPLACING_LEASE_MS,
      }),
    };
    return { before: present, after: await space.update(present.id, change) };
  });
  await audit(services, caller, call, {
    type: 'app.restart',
    targetType: 'app',
    target: name,
    detail: { guid: after.guid },
  });
  await waitAsLongAsTheClient(
    services,
    call,
    stageAndStart(services, call, after, before.dropletHash === null ? undefined : before),
  );
}
