import { newTrace, tunnelRevoke } from '@vcap/bus';
import { z } from 'zod';
import { ApiError } from '../../errors.ts';
import type { InstanceRecord } from '../../repositories/service-instances.ts';
import type { TunnelSession } from '../../repositories/tunnel-sessions.ts';
import type { TunnelTickets } from '../../settings.ts';
import { audit } from '../context.ts';
import type { Call, Caller, Services } from '../context.ts';
import { beginBind, beginUnbind } from './begin.ts';
import { bind } from './bind.ts';
import { takeoverAt } from './gateway-calls.ts';
import type { ServiceCall } from './gateway-calls.ts';
import { unbindLater } from './unbind.ts';

/** What lets a user in, and for how long. */
export interface OpenedTunnel {
  session: string;
  ticket: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

const address = z.looseObject({
  hostname: z.string().min(1).optional(),
  host: z.string().min(1).optional(),
  port: z.coerce.number().int().min(1).max(65_535),
});

/**
 * Opens a session to one service: a binding of its own, whose account lives no longer than the session, and a ticket
 * for the operator's endpoint. Throws 505 where there is no endpoint, 503 when the gateway makes no binding.
 */
export async function openTunnel(
  services: Services,
  caller: Caller,
  call: Call,
  instance: InstanceRecord,
): Promise<OpenedTunnel & { credentials: Record<string, unknown> }> {
  const tickets = ticketsOf(services);
  const { user } = caller;
  const store = services.store.services;
  // The session is there before the account: whatever happens on the way, its end removes the account.
  const { work, session: begun } = await services.store.apps.inSpace(user, async ({ services: tx }) => {
    const wish = { appId: null, instance, options: { tunnel: true } };
    const begunWork = await beginBind(services, tx, { caller, call }, wish);
    const session = await tx.tunnels.insert({
      user: user.email,
      spaceId: user.spaceId,
      instanceId: instance.id,
      bindingId: begunWork.binding.id,
      expiresAt: takeoverAt(services, instance),
    });
    return { work: begunWork, session };
  });
  const expiresAt = services.clock.now() + tickets.lifeMs;
  const session = { ...begun, expiresAt };
  try {
    await bind(services, call, work);
    const binding = await store.bindings.byId(work.binding.id);
    if (!binding || !(await store.tunnels.renew(session.id, expiresAt))) throw new ApiError(501);
    const ticket = sign(tickets, session, instance, binding.credentials);
    await audit(services, caller, call, {
      type: 'tunnel.open',
      targetType: 'service_instance',
      target: instance.name,
      detail: { guid: instance.guid, session: session.guid },
    });
    return { session: session.guid, ticket, expiresAt, credentials: binding.credentials };
  } catch (error) {
    await endTunnel(services, call, session, 'it could not be opened');
    throw error;
  }
}

/** A newer ticket for a session of the caller. Throws 502 when it has ended. */
export async function renewTunnel(services: Services, caller: Caller, guid: string): Promise<OpenedTunnel> {
  const tickets = ticketsOf(services);
  const store = services.store.services;
  const session = await ownSession(services, caller, guid);
  const binding = session.bindingId === null ? undefined : await store.bindings.byId(session.bindingId);
  const instance = session.instanceId === null ? undefined : await store.instances.byId(session.instanceId);
  if (!instance || binding?.state !== 'created') throw new ApiError(502, 'the service is gone');
  const expiresAt = services.clock.now() + tickets.lifeMs;
  if (!(await store.tunnels.renew(session.id, expiresAt))) throw new ApiError(502);
  const renewed = { ...session, expiresAt };
  return { session: guid, ticket: sign(tickets, renewed, instance, binding.credentials), expiresAt };
}

/** The caller's open session. Throws 502. */
export async function ownSession(services: Services, caller: Caller, guid: string): Promise<TunnelSession> {
  const session = await services.store.services.tunnels.find(guid);
  if (!session || session.spaceId !== caller.user.spaceId) throw new ApiError(502);
  return session;
}

/** Ends a session: its tunnels are cut and its account goes. Never rejects for the gateway: the janitor has the rest. */
export async function endTunnel(
  services: Services,
  call: ServiceCall,
  session: TunnelSession,
  reason: string,
): Promise<void> {
  const store = services.store.services;
  const unbinding = await store.transaction(async (tx) => {
    if (!(await tx.tunnels.remove(session.id))) return undefined;
    const binding = session.bindingId === null ? undefined : await tx.bindings.byId(session.bindingId);
    const instance = binding && (await tx.instances.byId(binding.instanceId));
    const who = { caller: { user: { email: session.user } }, call };
    return { begun: binding && instance && (await beginUnbind(services, tx, who, binding, instance)) };
  });
  if (!unbinding) return;
  services.bus.publish(tunnelRevoke, { session: session.guid, reason }, call.trace);
  call.log.info({ event: 'tunnel-session-ended', session: session.guid, reason });
  const { begun } = unbinding;
  if (begun) await unbindLater(services, call, begun.bindingId, begun.operation);
}

/** Ends the sessions whose tickets were not renewed. */
export async function endExpiredTunnels(services: Services, limit: number): Promise<void> {
  for (const session of await services.store.services.tunnels.expired(limit)) {
    const trace = newTrace();
    const call = { trace, log: services.log.child({ trace_id: trace.traceId }) };
    await endTunnel(services, call, session, 'its ticket was not renewed');
  }
}

function ticketsOf({ settings }: Services): TunnelTickets {
  if (!settings.tunnel) throw new ApiError(505, 'tunnel');
  return settings.tunnel;
}

function sign(
  { tickets }: TunnelTickets,
  session: TunnelSession,
  instance: InstanceRecord,
  credentials: Record<string, unknown>,
): string {
  const found = address.safeParse(credentials);
  const host = found.data?.hostname ?? found.data?.host;
  if (!found.success || host === undefined) throw new ApiError(505, `tunnel to ${instance.name}`);
  return tickets.sign({
    session: session.guid,
    user: session.user,
    service: instance.guid,
    destination: { host, port: found.data.port },
    expiresAt: session.expiresAt,
  });
}
