import { ApiError } from '../../errors.ts';
import type { InstanceRecord } from '../../repositories/service-instances.ts';
import type { OfferingRecord, Plan } from '../../repositories/service-offerings.ts';
import { audit, capacityOf } from '../context.ts';
import type { Call, Caller, Services } from '../context.ts';
import { beginOperation } from './begin.ts';
import { provision } from './provision.ts';

/** What is to be made. */
export interface ServiceWish {
  /** The user's alias. */
  name: string;
  offering: OfferingRecord;
  version: string;
  plan: Plan;
  planOption: unknown;
}

/**
 * Makes a service instance: the quota and the alias are checked and written down before its gateway is called. Throws
 * 504 over the quota, 100 for an alias in use, 503 for what the gateway says or does not say.
 */
export async function createService(
  services: Services,
  caller: Caller,
  call: Call,
  wish: ServiceWish,
): Promise<InstanceRecord> {
  const { user } = caller;
  const { name, offering, version, plan, planOption } = wish;
  if (!/^[\w.-]{1,200}$/.test(name)) {
    throw new ApiError(100, 'the name of a service is made of letters, digits, _, . and -');
  }
  const limit = capacityOf(services, user.email).services;
  const work = await services.store.apps.inSpace(user, async ({ services: tx }) => {
    const count = await tx.instances.count(user.spaceId);
    if (count >= limit) throw new ApiError(504, count, limit);
    const present = await tx.instances.byName(user.spaceId, name);
    if (present) {
      const what =
        present.state === 'deleting' ? 'is still being deleted' : 'is the name of a service of yours';
      throw new ApiError(100, `${name} ${what}`);
    }
    const instance = await tx.instances.insert({
      name,
      spaceId: user.spaceId,
      planId: plan.id,
      version,
      planOption,
    });
    const about = { instance, email: user.email, call };
    const operation = await beginOperation(services, tx, 'provision', about);
    return { instance, operation, owner: user };
  });
  const made = await provision(services, call, work);
  await audit(services, caller, call, {
    type: 'service.create',
    targetType: 'service_instance',
    target: name,
    detail: { guid: made.guid, label: offering.label, version, plan: plan.name },
  });
  return made;
}
