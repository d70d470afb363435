import type { Handle } from '@vcap/service-api';
import { ApiError } from '../../errors.ts';
import type { OfferingRecord } from '../../repositories/service-offerings.ts';
import type { Services } from '../context.ts';
import { toHandle } from './gateway-calls.ts';
import type { ServiceCall } from './gateway-calls.ts';

/**
 * New configuration and credentials of an instance or a binding, as after a migration. Apps get them at their next
 * start. Throws 501 when the service has none of that id.
 */
export async function saveHandle(
  services: Services,
  call: ServiceCall,
  offering: OfferingRecord,
  told: Handle,
): Promise<void> {
  const { instances, bindings } = services.store.services;
  const handle = toHandle(told);
  const instance = await instances.byGatewayName(handle.gatewayName, { serviceId: offering.id });
  if (instance) {
    await instances.changed(instance.id, handle);
    call.log.info({ event: 'handle-saved', service: instance.guid });
    return;
  }
  const binding = await bindings.byGatewayName(handle.gatewayName, offering.id);
  if (!binding) throw new ApiError(501);
  await bindings.changed(binding.id, handle);
  call.log.info({ event: 'handle-saved', binding: binding.guid });
}
