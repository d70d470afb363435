import { ApiError } from '../../errors.ts';
import type { Services } from '../context.ts';
import { beginUnbind } from './begin.ts';
import type { Binding } from './begin.ts';
import { askBind, askUnbind, toHandle } from './gateway-calls.ts';
import type { ServiceCall } from './gateway-calls.ts';
import { unbindLater } from './unbind.ts';
import { notMade, undo } from './undo-creation.ts';
import type { Creation } from './undo-creation.ts';

/**
 * Has the gateway make a binding that is written down as `creating`. Throws 503 when it does not come to be; then
 * what this very call may have made is undone, and nothing else.
 */
export async function bind(services: Services, call: ServiceCall, work: Binding): Promise<void> {
  const { binding, instance, operation, email } = work;
  const store = services.store.services;
  const creation = creationOf(services, call, work);
  const answer = await askBind(services, call, instance, binding, email);
  if (answer.kind !== 'ok') return notMade(services, call, creation, answer);
  const handle = toHandle(answer.value);
  const made = await store.transaction(async (tx) => {
    if (!(await tx.bindings.created(binding.id, handle))) return false;
    await tx.operations.succeed(operation.id);
    return true;
  });
  if (made) return;
  // Unbound, or its app deleted, while it was made.
  await store.operations.fail(operation.id, 'unbound while it was made');
  await undo(call, creation, handle.gatewayName);
  throw new ApiError(501, `${instance.name} was unbound meanwhile`);
}

function creationOf(services: Services, call: ServiceCall, work: Binding): Creation {
  const { binding, email, instance, operation } = work;
  const store = services.store.services;
  const who = { caller: { user: { email } }, call };
  return {
    kind: 'bind',
    subject: { binding: binding.guid },
    operation,
    abandon: (id) =>
      store.transaction(async (tx) => {
        if (!(await tx.bindings.byId(binding.id))) return undefined;
        return (await beginUnbind(services, tx, who, binding, instance, id)).operation;
      }),
    removeLater: (waiting) => unbindLater(services, call, binding.id, waiting),
    removeUnknown: (id) => askUnbind(services, call, instance, binding, id),
    forget: () =>
      store.transaction(async (tx) => {
        if (!(await tx.bindings.remove(binding.id, 'creating')))
          await tx.bindings.remove(binding.id, 'deleting');
      }),
  };
}
