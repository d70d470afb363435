import { randomUUID } from 'node:crypto';
import type { Database } from '../db/open.ts';
import { isDuplicate } from '../db/open.ts';

/** What one account may have. Memory in MB, over all instances of its started apps. */
export interface Capacity {
  memory: number;
  app_uris: number;
  services: number;
  apps: number;
}

/** Brings the two quota definitions in step with the configuration. */
export async function syncQuotas(
  database: Database,
  quotas: Record<'default' | 'admin', Capacity>,
): Promise<void> {
  for (const [name, { memory, ...rest }] of Object.entries(quotas)) {
    const values = { memory_mb: memory, ...rest };
    const present = await database.db
      .selectFrom('quota_definitions')
      .select('id')
      .where('name', '=', name)
      .executeTakeFirst();
    if (present) {
      await database.db.updateTable('quota_definitions').set(values).where('id', '=', present.id).execute();
      continue;
    }
    try {
      await database.db
        .insertInto('quota_definitions')
        .values({ guid: randomUUID(), name, ...values })
        .execute();
    } catch (error) {
      // Another controller that starts at the same time has made it.
      if (!isDuplicate(error)) throw error;
    }
  }
}
