import type { IncomingMessage } from 'node:http';
import type { AppRecord } from '../ports.ts';
import { audit } from './context.ts';
import type { Call, Caller, Services } from './context.ts';

/**
 * Stores new bits. A staging that still works on older ones loses its say; nothing is restarted.
 * Throws 402 and 100 as Bits does.
 */
export async function uploadBits(
  services: Services,
  caller: Caller,
  call: Call,
  app: AppRecord,
  request: IncomingMessage,
): Promise<void> {
  const { sha1 } = await services.bits.upload(app, request);
  if (sha1 !== app.packageHash) {
    await services.store.apps.update(app.guid, {
      packageHash: sha1,
      packageState: 'PENDING',
      stagingTaskId: null,
      stagingLeaseUntil: 0,
    });
  }
  await audit(services, caller, call, {
    type: 'app.upload',
    targetType: 'app',
    target: app.name,
    detail: { guid: app.guid, sha1 },
  });
}
