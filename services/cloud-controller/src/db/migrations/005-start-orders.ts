import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createTable, time } from '../columns.ts';
import type { DialectName } from '../open.ts';

/** Which orders of health managers a controller has taken: of two that are the same, the other is dropped. */
export function startOrders(dialect: DialectName): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await createTable(db, dialect, 'start_orders', (t) =>
        time(
          t.addColumn('claim', 'varchar(64)', (c) => c.primaryKey()),
          'expires_at',
        ),
      );
      await db.schema
        .createIndex('ix_start_orders_expires_at')
        .on('start_orders')
        .column('expires_at')
        .execute();
    },
  };
}
