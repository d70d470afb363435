import { ApiError } from '../../errors.ts';
import type { InstanceRecord } from '../../repositories/service-instances.ts';
import type { Operation } from '../../repositories/service-operations.ts';
import type { Services } from '../context.ts';
import { askUnprovision, isGone } from './gateway-calls.ts';
import type { ServiceCall } from './gateway-calls.ts';
import { retryAt } from './retry.ts';

/**
 * Has the gateway remove an instance that is written down as `deleting`; the row goes only when that is confirmed.
 * Throws 503 otherwise; the janitor then goes on trying. One that the gateway has not named yet is left to whoever
 * waits for its creation, unless `abandoned` says that nobody does.
 */
export async function unprovision(
  services: Services,
  call: ServiceCall,
  instanceId: number,
  operation: Operation,
  abandoned = false,
): Promise<void> {
  const store = services.store.services;
  const instance = await store.instances.byId(instanceId);
  if (instance && instance.gatewayName === null && !abandoned) return;
  if (instance && instance.gatewayName !== null) {
    const answer = await askUnprovision(services, call, instance, instance.gatewayName);
    if (answer.kind !== 'ok' && !isGone(answer)) {
      const fields = { service: instance.guid, outcome: answer.kind, why: answer.reason };
      call.log.warn({ event: 'unprovision-failed', ...fields });
      await store.operations.fail(operation.id, answer.reason, retryAt(services, operation));
      throw new ApiError(503, answer.reason);
    }
  }
  await store.transaction(async (tx) => {
    await tx.instances.remove(instanceId, 'deleting');
    await tx.operations.succeed(operation.id);
  });
}

/** Removes what a creation of unknown outcome may have made. Never rejects: the janitor has the rest. */
export async function unprovisionLater(
  services: Services,
  call: ServiceCall,
  instance: InstanceRecord,
  operation: Operation,
): Promise<void> {
  try {
    await unprovision(services, call, instance.id, operation, true);
  } catch (err) {
    call.log.warn({ event: 'orphaned-instance-not-removed-yet', service: instance.guid, err });
  }
}
