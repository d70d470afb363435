import type { Handle } from '@vcap/service-api';
import type { GatewayAnswer } from '../../adapters/gateway-client.ts';
import { ApiError } from '../../errors.ts';
import type { Operation } from '../../repositories/service-operations.ts';
import type { Services } from '../context.ts';
import type { ServiceCall } from './gateway-calls.ts';

/** An instance or a binding that a gateway was asked to make and that shall not be: how to take it back. */
export interface Creation {
  /** Word of the log's events. */
  kind: 'provision' | 'bind';
  /** Which one, for the log. */
  subject: Record<string, string>;
  operation: Operation;
  /** Writes down that the gateway's `id` has to go (null: not known yet); undefined when there is no row any more. */
  abandon(id: string | null): Promise<Operation | undefined>;
  /** Has the gateway take away what was abandoned. Never rejects: the janitor has the rest. */
  removeLater(waiting: Operation): Promise<void>;
  /** Has the gateway take away `id`, of which there is no row. */
  removeUnknown(id: string): Promise<GatewayAnswer<unknown>>;
  /** Nothing can have been made: the row goes, whether it is wanted still or was deleted meanwhile. */
  forget(): Promise<void>;
}

/** What the gateway answered keeps the creation from being: undoes what this very call may have made, throws 503. */
export async function notMade(
  services: Services,
  call: ServiceCall,
  creation: Creation,
  answer: Exclude<GatewayAnswer<Handle>, { kind: 'ok' }>,
): Promise<never> {
  const { kind, operation, subject } = creation;
  call.log.warn({ event: `${kind}-failed`, ...subject, outcome: answer.kind, why: answer.reason });
  await services.store.services.operations.fail(operation.id, answer.reason);
  if (answer.kind === 'unknown' && answer.id !== undefined) {
    await undo(call, creation, answer.id);
  } else if (answer.kind === 'unknown' && answer.late) {
    const waiting = await creation.abandon(null);
    void answer.late.then((late) => afterAll(call, creation, waiting, late));
  } else {
    await creation.forget();
  }
  throw new ApiError(503, answer.reason);
}

/** Writes down that the gateway's `id` has to go, and tells the gateway. */
export async function undo(call: ServiceCall, creation: Creation, id: string): Promise<void> {
  const operation = await creation.abandon(id);
  if (operation) return creation.removeLater(operation);
  // Nobody waits for it any more: another controller took this one for dead. There is no row to repeat it from.
  const answer = await creation.removeUnknown(id);
  const { kind, subject } = creation;
  call.log.warn({ event: `${kind}-of-nobody-undone`, ...subject, gateway_name: id, outcome: answer.kind });
}

/** The late answer of a gateway to a creation that was given up. */
async function afterAll(
  call: ServiceCall,
  creation: Creation,
  waiting: Operation | undefined,
  answer: GatewayAnswer<Handle>,
): Promise<void> {
  const { kind, subject } = creation;
  const id =
    answer.kind === 'ok' ? answer.value.service_id : answer.kind === 'unknown' ? answer.id : undefined;
  call.log.info({ event: `late-${kind}-answer`, ...subject, outcome: answer.kind });
  try {
    if (id !== undefined) await undo(call, creation, id);
    else if (answer.kind === 'refused' && waiting) await creation.removeLater(waiting);
  } catch (err) {
    call.log.warn({ event: `late-${kind}-not-undone`, ...subject, err });
  }
}
