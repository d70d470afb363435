import type { Bus, Logger, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { ControllerConfig } from '../config-shape.ts';
import type { Settings } from '../settings.ts';
import type { Bits, Instances, Offered, Staging } from '../ports.ts';
import type { AuditEvent } from '../repositories/events.ts';
import type { Store } from '../repositories/store.ts';
import type { User } from '../repositories/users.ts';
import type { GatewayClient } from '../adapters/gateway-client.ts';
import type { Capacity } from '../repositories/quotas.ts';

/** What actions work with; made once at start. */
export interface Services {
  config: ControllerConfig;
  settings: Settings;
  store: Store;
  bits: Bits;
  instances: Instances;
  offered: Offered;
  staging: Staging;
  gateways: GatewayClient;
  bus: Pick<Bus, 'publish'>;
  clock: Clock;
  log: Logger;
}

/** Who calls: `user` acts, `real` holds the token (another one only for an administrator's PROXY-USER). */
export interface Caller {
  user: User;
  real: User;
}

/** One API call: its trace is in every log line and goes with every message. */
export interface Call {
  trace: Trace;
  log: Logger;
}

export function isAdmin(services: Pick<Services, 'settings'>, email: string): boolean {
  return services.settings.admins.has(email);
}

export function capacityOf(services: Pick<Services, 'settings'>, email: string): Capacity {
  return services.settings.capacity[isAdmin(services, email) ? 'admin' : 'default'];
}

/** Writes the audit row of a user's change. */
export async function audit(
  services: Services,
  caller: Caller,
  call: Call,
  event: {
    type: string;
    targetType: AuditEvent['targetType'];
    target: string;
    detail?: Record<string, unknown>;
  },
): Promise<void> {
  call.log.info({ event: 'audit', type: event.type, actor: caller.user.email, target: event.target });
  await services.store.events.record({
    ...event,
    actor: caller.user.email,
    realActor: caller.real.id === caller.user.id ? null : caller.real.email,
    traceId: call.trace.traceId,
  });
}
