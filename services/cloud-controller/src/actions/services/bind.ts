import type { Handle } from '@vcap/service-api';
import type { GatewayAnswer } from '../../adapters/gateway-client.ts';
import { ApiError } from '../../errors.ts';
import type { BindingRecord } from '../../repositories/service-bindings.ts';
import type { InstanceRecord } from '../../repositories/service-instances.ts';
import type { Operation } from '../../repositories/service-operations.ts';
import type { Services } from '../context.ts';
import { askBind, askUnbind, takeoverAt, toHandle } from './gateway-calls.ts';
import type { ServiceCall } from './gateway-calls.ts';
import { unbindLater } from './unbind.ts';

/** A binding that is under way. */
export interface Binding {
  binding: BindingRecord;
  instance: InstanceRecord;
  operation: Operation;
  /** E-mail of who binds. */
  email: string;
}

/**
 * Has the gateway make a binding that is written down as `creating`. Throws 503 when it does not come to be; then
 * what this very call may have made is undone, and nothing else.
 */
export async function bind(services: Services, call: ServiceCall, work: Binding): Promise<void> {
  const { binding, instance, operation, email } = work;
  const store = services.store.services;
  const answer = await askBind(services, call, instance, binding, email);
  if (answer.kind !== 'ok') return notMade(services, call, work, answer);
  const handle = toHandle(answer.value);
  const made = await store.transaction(async (tx) => {
    if (!(await tx.bindings.created(binding.id, handle))) return false;
    await tx.operations.succeed(operation.id);
    return true;
  });
  if (made) return;
  // Unbound, or its app deleted, while it was made.
  await store.operations.fail(operation.id, 'unbound while it was made');
  await undo(services, call, work, handle.gatewayName);
  throw new ApiError(501, `${instance.name} was unbound meanwhile`);
}

async function notMade(
  services: Services,
  call: ServiceCall,
  work: Binding,
  answer: Exclude<GatewayAnswer<Handle>, { kind: 'ok' }>,
): Promise<never> {
  const { binding, operation } = work;
  const fields = { binding: binding.guid, outcome: answer.kind, why: answer.reason };
  call.log.warn({ event: 'bind-failed', ...fields });
  const store = services.store.services;
  await store.operations.fail(operation.id, answer.reason);
  if (answer.kind === 'unknown' && answer.id !== undefined) {
    await undo(services, call, work, answer.id);
  } else if (answer.kind === 'unknown' && answer.late) {
    const waiting = await abandon(services, call, work, null);
    void answer.late.then((late) => afterAll(services, call, work, waiting, late));
  } else {
    await store.transaction(async (tx) => {
      if (!(await tx.bindings.remove(binding.id, 'creating')))
        await tx.bindings.remove(binding.id, 'deleting');
    });
  }
  throw new ApiError(503, answer.reason);
}

/** The late answer of a gateway to a binding that was given up. */
async function afterAll(
  services: Services,
  call: ServiceCall,
  work: Binding,
  waiting: Operation | undefined,
  answer: GatewayAnswer<Handle>,
): Promise<void> {
  const id =
    answer.kind === 'ok' ? answer.value.service_id : answer.kind === 'unknown' ? answer.id : undefined;
  call.log.info({ event: 'late-bind-answer', binding: work.binding.guid, outcome: answer.kind });
  try {
    if (id !== undefined) await undo(services, call, work, id);
    else if (answer.kind === 'refused' && waiting)
      await unbindLater(services, call, work.binding.id, waiting);
  } catch (err) {
    call.log.warn({ event: 'late-bind-not-undone', binding: work.binding.guid, err });
  }
}

/** Writes down that the gateway's `id` has to go, and tells the gateway. */
async function undo(services: Services, call: ServiceCall, work: Binding, id: string): Promise<void> {
  const operation = await abandon(services, call, work, id);
  if (operation) await unbindLater(services, call, work.binding.id, operation);
  else {
    // Nobody waits for it any more: another controller took this one for dead. There is no row to repeat it from.
    const answer = await askUnbind(services, call, work.instance, work.binding, id);
    const fields = { binding: work.binding.guid, gateway_name: id, outcome: answer.kind };
    call.log.warn({ event: 'binding-of-nobody-removed', ...fields });
  }
}

function abandon(
  services: Services,
  call: ServiceCall,
  { binding, instance, email }: Binding,
  id: string | null,
): Promise<Operation | undefined> {
  return services.store.services.transaction(async (tx) => {
    if (!(await tx.bindings.byId(binding.id))) return undefined;
    await tx.bindings.setDeleting(binding.id, { release: true, gatewayName: id });
    return tx.operations.begin({
      kind: 'unbind',
      actor: email,
      target: instance.name,
      traceId: call.trace.traceId,
      spaceId: instance.spaceId,
      instanceId: instance.id,
      bindingId: binding.id,
      dueAt: takeoverAt(services, instance),
    });
  });
}
