import { ApiError } from '../../errors.ts';
import type { Operation } from '../../repositories/service-operations.ts';
import type { Services } from '../context.ts';
import { askUnbind, isGone } from './gateway-calls.ts';
import type { ServiceCall } from './gateway-calls.ts';
import { retryAt } from './retry.ts';

/**
 * Has the gateway revoke a binding that is written down as `deleting`; the row goes only when that is confirmed.
 * Throws 503 otherwise; the janitor then goes on trying. `abandoned` as with unprovision.
 */
export async function unbind(
  services: Services,
  call: ServiceCall,
  bindingId: number,
  operation: Operation,
  abandoned = false,
): Promise<void> {
  const store = services.store.services;
  const binding = await store.bindings.byId(bindingId);
  if (binding && binding.gatewayName === null && !abandoned) return;
  const instance = binding && (await store.instances.byId(binding.instanceId));
  if (binding && binding.gatewayName !== null && instance) {
    const answer = await askUnbind(services, call, instance, binding, binding.gatewayName);
    if (answer.kind !== 'ok' && !isGone(answer)) {
      const fields = { binding: binding.guid, outcome: answer.kind, why: answer.reason };
      call.log.warn({ event: 'unbind-failed', ...fields });
      await store.operations.fail(operation.id, answer.reason, retryAt(services, operation));
      throw new ApiError(503, answer.reason);
    }
  }
  await store.transaction(async (tx) => {
    await tx.bindings.remove(bindingId, 'deleting');
    await tx.operations.succeed(operation.id);
  });
}

/** The same for what nobody waits for. Never rejects: the janitor has the rest. */
export async function unbindLater(
  services: Services,
  call: ServiceCall,
  bindingId: number,
  operation: Operation,
): Promise<void> {
  try {
    await unbind(services, call, bindingId, operation, true);
  } catch (err) {
    call.log.warn({ event: 'binding-not-removed-yet', binding_id: bindingId, err });
  }
}
