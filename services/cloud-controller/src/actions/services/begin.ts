import { ApiError } from '../../errors.ts';
import type { BindingRecord } from '../../repositories/service-bindings.ts';
import type { InstanceRecord } from '../../repositories/service-instances.ts';
import type { Operation } from '../../repositories/service-operations.ts';
import type { ServiceStore } from '../../repositories/service-store.ts';
import type { Services } from '../context.ts';
import { takeoverAt } from './gateway-calls.ts';
import type { ServiceCall } from './gateway-calls.ts';

/** A binding that is under way. */
export interface Binding {
  binding: BindingRecord;
  instance: InstanceRecord;
  operation: Operation;
  /** E-mail of who binds. */
  email: string;
}

/** A binding that is to be revoked. */
export interface Unbinding {
  bindingId: number;
  instance: InstanceRecord;
  operation: Operation;
}

/** Who asks. */
export interface Who {
  caller: { user: { email: string } };
  call: ServiceCall;
}

/** Writes down, inside a transaction, a binding that the gateway is then asked for. Throws 500 for half a service. */
export async function beginBind(
  services: Services,
  tx: ServiceStore,
  who: Who,
  wish: {
    appId: number | null;
    instance: InstanceRecord;
    tokenId?: number;
    options?: Record<string, unknown>;
  },
): Promise<Binding> {
  const { instance } = wish;
  if (instance.state !== 'created') {
    const why = instance.state === 'creating' ? 'still being created' : 'being deleted';
    throw new ApiError(500, `${instance.name} is ${why}`);
  }
  const { appId, tokenId, options } = wish;
  const binding = await tx.bindings.insert({
    appId,
    instanceId: instance.id,
    ...(tokenId !== undefined && { tokenId }),
    ...(options && { options }),
  });
  const { email } = who.caller.user;
  const operation = await beginOperation(services, tx, 'bind', { instance, binding, email, call: who.call });
  return { binding, instance, operation, email };
}

/** Writes down that a binding goes, and by which name where that is news; its app does without it from now on. */
export async function beginUnbind(
  services: Services,
  tx: ServiceStore,
  who: Who,
  binding: BindingRecord,
  instance: InstanceRecord,
  gatewayName: string | null = null,
): Promise<Unbinding> {
  await tx.bindings.setDeleting(binding.id, { release: true, gatewayName });
  const { email } = who.caller.user;
  const operation = await beginOperation(services, tx, 'unbind', {
    instance,
    binding,
    email,
    call: who.call,
  });
  return { bindingId: binding.id, instance, operation };
}

/** Writes down what a gateway is then asked for; another controller takes it over when this one does not end it. */
export function beginOperation(
  services: Services,
  tx: ServiceStore,
  kind: Operation['kind'],
  about: { instance: InstanceRecord; binding?: BindingRecord; email: string; call: ServiceCall },
): Promise<Operation> {
  const { instance, binding, email, call } = about;
  return tx.operations.begin({
    kind,
    actor: email,
    target: instance.name,
    traceId: call.trace.traceId,
    spaceId: instance.spaceId,
    instanceId: instance.id,
    ...(binding && { bindingId: binding.id }),
    dueAt: takeoverAt(services, instance),
  });
}
