import { Migrator } from 'kysely/migration';
import type { Database } from './open.ts';
import { initial } from './migrations/001-initial.ts';
import { rolling } from './migrations/002-rolling.ts';
import { services } from './migrations/003-services.ts';
import { tunnels } from './migrations/004-tunnels.ts';
import { startOrders } from './migrations/005-start-orders.ts';

/**
 * Brings the tables up to date under the database's lock: of two controllers that start together one does
 * it and the other waits. Throws what went wrong in the database's words.
 */
export async function migrate(database: Database): Promise<void> {
  const migrator = new Migrator({
    db: database.db,
    provider: {
      getMigrations: async () => ({
        '001-initial': initial(database.dialect),
        '002-rolling': rolling(),
        '003-services': services(database.dialect),
        '004-tunnels': tunnels(database.dialect),
        '005-start-orders': startOrders(database.dialect),
      }),
    },
    migrationTableName: 'schema_migrations',
    migrationLockTableName: 'schema_migrations_lock',
  });
  const { error, results } = await migrator.migrateToLatest();
  const failed = results?.find((result) => result.status === 'Error');
  if (error !== undefined) {
    throw new Error(`migration ${failed?.migrationName ?? ''} failed`, { cause: error });
  }
}
