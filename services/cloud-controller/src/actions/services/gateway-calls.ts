import { gatewayPaths, handleSchema } from '@vcap/service-api';
import type { Handle } from '@vcap/service-api';
import { z } from 'zod';
import type { GatewayAnswer, GatewayTarget } from '../../adapters/gateway-client.ts';
import { LATE_FACTOR } from '../../adapters/gateway-client.ts';
import type { BindingRecord } from '../../repositories/service-bindings.ts';
import type { GatewayHandle, InstanceRecord } from '../../repositories/service-instances.ts';
import type { User } from '../../repositories/users.ts';
import type { Call, Services } from '../context.ts';

/** After a controller's own limit: it may be slow to write down what it was answered. */
const GRACE_MS = 30_000;
const nothing = z.looseObject({});

/** What of a call an action on services needs: also what the janitor has. */
export type ServiceCall = Pick<Call, 'trace' | 'log'>;
type Gateway = Pick<InstanceRecord, 'url' | 'timeoutSeconds' | 'label' | 'provider'>;

function timeoutMs(services: Services, gateway: Gateway): number {
  return (gateway.timeoutSeconds ?? services.config.service_gateways.timeout_seconds) * 1000;
}

/** When another controller may believe that the one at work has died. */
export function takeoverAt(services: Services, gateway: Gateway): number {
  return services.clock.now() + timeoutMs(services, gateway) * LATE_FACTOR + GRACE_MS;
}

/** Where the gateway of an instance is, and the token to show there. */
export async function targetOf(services: Services, gateway: Gateway): Promise<GatewayTarget> {
  const found = await services.store.serviceTokens.find(gateway.label, gateway.provider);
  return { url: gateway.url, token: found?.token ?? '', timeoutMs: timeoutMs(services, gateway) };
}

/** Asks for an instance; the fields of both eras. */
export async function askProvision(
  services: Services,
  call: ServiceCall,
  instance: InstanceRecord,
  owner: User,
): Promise<GatewayAnswer<Handle>> {
  const body = {
    label: `${instance.label}-${instance.labelVersion}`,
    name: instance.name,
    plan: instance.plan,
    email: owner.email,
    plan_option: instance.planOption ?? {},
    version: instance.version,
    provider: instance.provider,
    space_guid: owner.spaceGuid,
    organization_guid: owner.orgGuid,
    unique_id: instance.planUniqueId ?? undefined,
  };
  const request = { method: 'POST' as const, path: gatewayPaths.configurations, body };
  return services.gateways.call(await targetOf(services, instance), request, handleSchema, call.trace);
}

/** Asks for the end of an instance, with its bindings. */
export async function askUnprovision(
  services: Services,
  call: ServiceCall,
  instance: InstanceRecord,
  gatewayName: string,
): Promise<GatewayAnswer<unknown>> {
  const request = { method: 'DELETE' as const, path: gatewayPaths.configuration(gatewayName) };
  return services.gateways.call(await targetOf(services, instance), request, nothing, call.trace);
}

export async function askBind(
  services: Services,
  call: ServiceCall,
  instance: InstanceRecord,
  binding: BindingRecord,
  email: string,
): Promise<GatewayAnswer<Handle>> {
  const id = instance.gatewayName ?? '';
  const body = {
    service_id: id,
    label: `${instance.label}-${instance.labelVersion}`,
    email,
    binding_options: binding.bindingOptions,
  };
  const request = { method: 'POST' as const, path: gatewayPaths.handles(id), body };
  return services.gateways.call(await targetOf(services, instance), request, handleSchema, call.trace);
}

export async function askUnbind(
  services: Services,
  call: ServiceCall,
  instance: InstanceRecord,
  binding: BindingRecord,
  handleId: string,
): Promise<GatewayAnswer<unknown>> {
  const id = instance.gatewayName ?? '';
  const body = { service_id: id, handle_id: handleId, binding_options: binding.bindingOptions };
  const request = { method: 'DELETE' as const, path: gatewayPaths.handle(id, handleId), body };
  return services.gateways.call(await targetOf(services, instance), request, nothing, call.trace);
}

/** A gateway's answer as the repositories take it. */
export function toHandle({ service_id, configuration, credentials, dashboard_url }: Handle): GatewayHandle {
  return {
    gatewayName: service_id,
    configuration,
    credentials,
    ...(dashboard_url !== undefined && { dashboardUrl: dashboard_url }),
  };
}

/**
 * The gateway says that it does not know it (any more): what should go is gone. A 404 without a code of services is
 * somebody else's, such as a router that has no gateway behind it, and says nothing.
 */
export function isGone(answer: GatewayAnswer<unknown>): boolean {
  return answer.kind === 'refused' && answer.status === 404 && (answer.code ?? 0) >= 30_000;
}
