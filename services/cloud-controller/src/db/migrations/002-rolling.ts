import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What a controller that dies in the midst of a staging or of an update leaves for the others to see. */
export function rolling(): Migration {
  return {
    async up(db: Kysely<unknown>) {
      // One statement per column: SQLite takes no more.
      for (const name of ['replacing_version', 'staging_error']) {
        await db.schema.alterTable('apps').addColumn(name, 'varchar(1024)').execute();
      }
      for (const name of ['replacing_until', 'staging_lease_until']) {
        await db.schema
          .alterTable('apps')
          .addColumn(name, 'bigint', (c) => c.notNull().defaultTo(0))
          .execute();
      }
      await db.schema
        .alterTable('apps')
        .addColumn('stale_droplet', 'integer', (c) => c.notNull().defaultTo(0))
        .execute();
    },
  };
}
