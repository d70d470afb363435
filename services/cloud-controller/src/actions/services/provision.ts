import { ApiError } from '../../errors.ts';
import type { InstanceRecord } from '../../repositories/service-instances.ts';
import type { Operation } from '../../repositories/service-operations.ts';
import type { User } from '../../repositories/users.ts';
import type { Services } from '../context.ts';
import { beginOperation } from './begin.ts';
import { askProvision, askUnprovision, toHandle } from './gateway-calls.ts';
import type { ServiceCall } from './gateway-calls.ts';
import { notMade, undo } from './undo-creation.ts';
import type { Creation } from './undo-creation.ts';
import { unprovisionLater } from './unprovision.ts';

/** A creation that is under way. */
export interface Provisioning {
  instance: InstanceRecord;
  operation: Operation;
  owner: User;
}

/**
 * Has the gateway make an instance that is written down as `creating`. Throws 503 when it does not come to be; then
 * what this very call may have made is undone, and nothing else.
 */
export async function provision(
  services: Services,
  call: ServiceCall,
  work: Provisioning,
): Promise<InstanceRecord> {
  const { instance, operation, owner } = work;
  const store = services.store.services;
  const creation = creationOf(services, call, work);
  const answer = await askProvision(services, call, instance, owner);
  if (answer.kind !== 'ok') return notMade(services, call, creation, answer);
  const handle = toHandle(answer.value);
  const made = await store.transaction(async (tx) => {
    if (!(await tx.instances.created(instance.id, handle))) return undefined;
    await tx.operations.succeed(operation.id);
    return tx.instances.byId(instance.id);
  });
  if (made) return made;
  // Deleted by its owner while it was made.
  await store.operations.fail(operation.id, 'deleted while it was made');
  await undo(call, creation, handle.gatewayName);
  throw new ApiError(500, `${instance.name} was deleted meanwhile`);
}

function creationOf(services: Services, call: ServiceCall, work: Provisioning): Creation {
  const { instance, operation, owner } = work;
  const store = services.store.services;
  return {
    kind: 'provision',
    subject: { service: instance.guid },
    operation,
    abandon: (id) =>
      store.transaction(async (tx) => {
        if (!(await tx.instances.abandon(instance.id, id))) return undefined;
        return beginOperation(services, tx, 'unprovision', { instance, email: owner.email, call });
      }),
    removeLater: (waiting) => unprovisionLater(services, call, instance, waiting),
    removeUnknown: (id) => askUnprovision(services, call, instance, id),
    forget: () =>
      store.transaction(async (tx) => {
        if (!(await tx.instances.remove(instance.id, 'creating')))
          await tx.instances.remove(instance.id, 'deleting');
      }),
  };
}
