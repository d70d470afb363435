import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { int, text, time, withId } from '../columns.ts';
import type { DialectName } from '../open.ts';

/** Sessions of direct tunnels, each with a binding of its own. */
export function tunnels(dialect: DialectName): Migration {
  return {
    async up(db: Kysely<unknown>) {
      const table = int(text(withId(db.schema.createTable<string>('tunnel_sessions')), 'user'), 'space_id')
        .addColumn('service_instance_id', 'integer')
        .addColumn('service_binding_id', 'integer');
      // No references: a session outlives what it is about until its tunnels are cut.
      const full = time(table, 'expires_at', 'created_at');
      await (
        dialect === 'mysql'
          ? full.modifyEnd(sql`engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin`)
          : full
      ).execute();
      await db.schema
        .createIndex('ix_tunnel_sessions_expires_at')
        .on('tunnel_sessions')
        .column('expires_at')
        .execute();
    },
  };
}
