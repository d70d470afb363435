import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { time } from '../columns.ts';
import type { DialectName } from '../open.ts';

/** Which orders of health managers a controller has taken: of two that are the same, the other is dropped. */
export function startOrders(dialect: DialectName): Migration {
  return {
    async up(db: Kysely<unknown>) {
      const table = time(
        db.schema
          .createTable<string>('start_orders')
          .addColumn('claim', 'varchar(64)', (c) => c.primaryKey()),
        'expires_at',
      );
      await (
        dialect === 'mysql'
          ? table.modifyEnd(sql`engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin`)
          : table
      ).execute();
      await db.schema
        .createIndex('ix_start_orders_expires_at')
        .on('start_orders')
        .column('expires_at')
        .execute();
    },
  };
}
