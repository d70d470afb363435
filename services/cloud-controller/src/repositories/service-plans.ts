import { randomUUID } from 'node:crypto';
import type { Offering } from '@vcap/service-api';
import type { Queryable } from '../db/open.ts';

interface PlanColumns {
  free: number;
  description: string | null;
  extra: string | null;
  unique_id: string;
}

/**
 * Brings the plans of a service in step with what its gateway tells. One that it names no more is removed, or only
 * hidden while there are instances of it.
 */
export async function syncPlans(
  tx: Queryable,
  service: { id: number; prefix: string },
  offering: Offering,
): Promise<void> {
  // The goodbye of a gateway of 2012 names no plans: they are there again when it comes back.
  if (offering.active === false && offering.plans == null && offering.plan_details == null) return;
  const wanted = wantedPlans(offering, service.prefix);
  const present = await tx
    .selectFrom('service_plans')
    .select(['id', 'name'])
    .where('service_id', '=', service.id)
    .execute();
  for (const { id, name } of present) {
    const columns = wanted.get(name);
    if (columns) {
      await tx
        .updateTable('service_plans')
        .set({ ...columns, active: 1 })
        .where('id', '=', id)
        .execute();
      wanted.delete(name);
      continue;
    }
    const used = await tx
      .selectFrom('service_instances')
      .select('id')
      .where('service_plan_id', '=', id)
      .limit(1)
      .executeTakeFirst();
    if (used) await tx.updateTable('service_plans').set({ active: 0 }).where('id', '=', id).execute();
    else await tx.deleteFrom('service_plans').where('id', '=', id).execute();
  }
  for (const [name, columns] of wanted) {
    await tx
      .insertInto('service_plans')
      .values({ guid: randomUUID(), name, service_id: service.id, active: 1, public: 1, ...columns })
      .execute();
  }
}

/** Both forms of telling plans: names (2012), and details by name (2013). */
function wantedPlans(offering: Offering, prefix: string): Map<string, PlanColumns> {
  const details = new Map((offering.plan_details ?? []).map((plan) => [plan.name, plan]));
  const names = new Set([...(offering.plans ?? []), ...details.keys()]);
  return new Map(
    [...names].map((name): [string, PlanColumns] => {
      const told = details.get(name);
      return [
        name,
        {
          free: (told?.free ?? isFreeByName(name)) ? 1 : 0,
          description: told?.description ?? offering.plan_descriptions?.[name] ?? null,
          extra: told?.extra ?? null,
          unique_id: told?.unique_id ?? offering.cf_plan_id?.[name] ?? `${prefix}_${name}`,
        },
      ];
    }),
  );
}

/** Gateways of 2012 say nothing of prices: the names tell (services.md §2.2). */
function isFreeByName(name: string): boolean {
  return name === 'free' || name === 'default' || /^1\d\d$/.test(name);
}
