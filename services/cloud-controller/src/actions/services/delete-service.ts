import { ApiError } from '../../errors.ts';
import type { InstanceRecord, ServiceInstances } from '../../repositories/service-instances.ts';
import type { User } from '../../repositories/users.ts';
import { audit } from '../context.ts';
import type { Call, Caller, Services } from '../context.ts';
import { beginOperation } from './begin.ts';
import { endTunnel } from './tunnels.ts';
import { unprovision } from './unprovision.ts';

/**
 * Deletes an instance with its bindings; apps are without it at their next start. Throws 500 for none of that name,
 * 503 when its gateway did not confirm: it is tried again until it does.
 */
export async function deleteService(
  services: Services,
  caller: Caller,
  call: Call,
  find: (instances: ServiceInstances, owner: User) => Promise<InstanceRecord | undefined>,
): Promise<void> {
  const { user } = caller;
  const { instance, operation } = await services.store.apps.inSpace(user, async (space) => {
    const present = await find(space.services.instances, user);
    if (!present || present.spaceId !== user.spaceId) throw new ApiError(500);
    for (const binding of await space.services.bindings.ofInstance(present.id)) {
      if (binding.appId !== null) await space.markForRestaging(binding.appId);
      await space.services.bindings.setDeleting(binding.id, { release: true });
    }
    await space.services.instances.setDeleting(present.id);
    const about = { instance: present, email: user.email, call };
    const begun = await beginOperation(services, space.services, 'unprovision', about);
    return { instance: present, operation: begun };
  });
  await audit(services, caller, call, {
    type: 'service.delete',
    targetType: 'service_instance',
    target: instance.name,
    detail: { guid: instance.guid, label: instance.label, plan: instance.plan },
  });
  for (const session of await services.store.services.tunnels.ofInstance(instance.id)) {
    await endTunnel(services, call, session, 'its service was deleted');
  }
  await unprovision(services, call, instance.id, operation);
}
