import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createTable, int, text, time, withId } from '../columns.ts';
import type { DialectName } from '../open.ts';

/** Sessions of direct tunnels, each with a binding of its own. */
export function tunnels(dialect: DialectName): Migration {
  return {
    async up(db: Kysely<unknown>) {
      await createTable(db, dialect, 'tunnel_sessions', (t) => {
        const table = int(text(withId(t), 'user'), 'space_id')
          .addColumn('service_instance_id', 'integer')
          .addColumn('service_binding_id', 'integer');
        // No references: a session outlives what it is about until its tunnels are cut.
        return time(table, 'expires_at', 'created_at');
      });
      await db.schema
        .createIndex('ix_tunnel_sessions_expires_at')
        .on('tunnel_sessions')
        .column('expires_at')
        .execute();
    },
  };
}
