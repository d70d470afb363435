import { ApiError } from '../../errors.ts';
import type { GatewayAnswer } from '../../adapters/gateway-client.ts';
import type { Handle } from '@vcap/service-api';
import type { InstanceRecord } from '../../repositories/service-instances.ts';
import type { Operation } from '../../repositories/service-operations.ts';
import type { User } from '../../repositories/users.ts';
import type { Services } from '../context.ts';
import { askProvision, askUnprovision, takeoverAt, toHandle } from './gateway-calls.ts';
import type { ServiceCall } from './gateway-calls.ts';
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
  const answer = await askProvision(services, call, instance, owner);
  if (answer.kind !== 'ok') return notMade(services, call, work, answer);
  const handle = toHandle(answer.value);
  const made = await store.transaction(async (tx) => {
    if (!(await tx.instances.created(instance.id, handle))) return undefined;
    await tx.operations.succeed(operation.id);
    return tx.instances.byId(instance.id);
  });
  if (made) return made;
  // Deleted by its owner while it was made.
  await store.operations.fail(operation.id, 'deleted while it was made');
  await undo(services, call, work, handle.gatewayName);
  throw new ApiError(500, `${instance.name} was deleted meanwhile`);
}

async function notMade(
  services: Services,
  call: ServiceCall,
  work: Provisioning,
  answer: Exclude<GatewayAnswer<Handle>, { kind: 'ok' }>,
): Promise<never> {
  const { instance, operation } = work;
  const fields = { service: instance.guid, outcome: answer.kind, why: answer.reason };
  call.log.warn({ event: 'provision-failed', ...fields });
  const store = services.store.services;
  await store.operations.fail(operation.id, answer.reason);
  if (answer.kind === 'unknown' && answer.id !== undefined) {
    await undo(services, call, work, answer.id);
  } else if (answer.kind === 'unknown' && answer.late) {
    const waiting = await abandon(services, call, work, null);
    void answer.late.then((late) => afterAll(services, call, work, waiting, late));
  } else {
    await forget(services, instance.id);
  }
  throw new ApiError(503, answer.reason);
}

/** The late answer of a gateway to a creation that was given up. */
async function afterAll(
  services: Services,
  call: ServiceCall,
  work: Provisioning,
  waiting: Operation | undefined,
  answer: GatewayAnswer<Handle>,
): Promise<void> {
  const id =
    answer.kind === 'ok' ? answer.value.service_id : answer.kind === 'unknown' ? answer.id : undefined;
  call.log.info({ event: 'late-provision-answer', service: work.instance.guid, outcome: answer.kind });
  try {
    if (id !== undefined) await undo(services, call, work, id);
    else if (answer.kind === 'refused' && waiting)
      await unprovisionLater(services, call, work.instance, waiting);
  } catch (err) {
    call.log.warn({ event: 'late-provision-not-undone', service: work.instance.guid, err });
  }
}

/** Writes down that the gateway's `id` has to go, and tells the gateway. */
async function undo(services: Services, call: ServiceCall, work: Provisioning, id: string): Promise<void> {
  const operation = await abandon(services, call, work, id);
  if (operation) await unprovisionLater(services, call, work.instance, operation);
  else {
    // Nobody waits for it any more: another controller took this one for dead. There is no row to repeat it from.
    const answer = await askUnprovision(services, call, work.instance, id);
    const fields = { service: work.instance.guid, gateway_name: id, outcome: answer.kind };
    call.log.warn({ event: 'instance-of-nobody-removed', ...fields });
  }
}

function abandon(
  services: Services,
  call: ServiceCall,
  { instance, owner }: Provisioning,
  id: string | null,
): Promise<Operation | undefined> {
  return services.store.services.transaction(async (tx) => {
    if (!(await tx.instances.abandon(instance.id, id))) return undefined;
    return tx.operations.begin({
      kind: 'unprovision',
      actor: owner.email,
      target: instance.name,
      traceId: call.trace.traceId,
      spaceId: instance.spaceId,
      instanceId: instance.id,
      dueAt: takeoverAt(services, instance),
    });
  });
}

/** Nothing can have been made: the row goes, whether its owner wants it still or has deleted it meanwhile. */
async function forget(services: Services, instanceId: number): Promise<void> {
  await services.store.services.transaction(async (tx) => {
    if (!(await tx.instances.remove(instanceId, 'creating')))
      await tx.instances.remove(instanceId, 'deleting');
  });
}
