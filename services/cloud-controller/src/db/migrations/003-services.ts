import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createTable, int, optionalText, text, time, withId } from '../columns.ts';
import type { Table } from '../columns.ts';
import type { DialectName } from '../open.ts';

/** Nothing was ever written to the tables of services before: they are made anew. */
const OLD = ['service_bindings', 'service_instances', 'service_plans', 'services', 'service_auth_tokens'];

/** Offerings, instances, bindings, and what was asked of gateways. */
export function services(dialect: DialectName): Migration {
  const mysql = dialect === 'mysql';
  const longText = sql.raw<never>(mysql ? 'mediumtext' : 'text');
  return {
    async up(db: Kysely<unknown>) {
      for (const name of OLD) await db.schema.dropTable(name).execute();
      const create = (name: string, columns: (table: Table) => Table): Promise<void> =>
        createTable(db, dialect, name, columns);
      let constraints = 0;
      const reference = (table: Table, column: string, to: string, gone?: 'cascade' | 'set null'): Table =>
        table.addForeignKeyConstraint(`fk_s${++constraints}_${column}`, [column as never], to, ['id'], (c) =>
          gone ? c.onDelete(gone) : c,
        );
      const unique = async (table: string, ...columns: string[]): Promise<void> =>
        db.schema
          .createIndex(`uq_${table}_${columns.join('_')}`)
          .unique()
          .on(table)
          .columns(columns)
          .execute();
      const index = async (table: string, ...columns: string[]): Promise<void> =>
        db.schema
          .createIndex(`ix_${table}_${columns.join('_')}`)
          .on(table)
          .columns(columns)
          .execute();
      const json = (table: Table, ...names: string[]): Table =>
        names.reduce((t, name) => t.addColumn(name, longText) as Table, table);
      const optionalInt = (table: Table, ...names: string[]): Table =>
        names.reduce((t, name) => t.addColumn(name, 'integer') as Table, table);

      await create('service_auth_tokens', (t) =>
        int(json(text(withId(t), 'label', 'provider'), 'token'), 'brokered'),
      );
      await unique('service_auth_tokens', 'label', 'provider');

      await create('services', (t) => {
        let table = int(text(withId(t), 'label', 'provider', 'version'), 'active', 'brokered');
        table = optionalText(table, 'url', 'info_url', 'default_plan', 'unique_id');
        table = json(table, 'description', 'extra', 'tags', 'plan_options', 'binding_options', 'acls');
        table = json(table, 'supported_versions', 'version_aliases');
        return time(
          table.addColumn('timeout_seconds', 'double precision') as Table,
          'created_at',
          'updated_at',
        );
      });
      await unique('services', 'label', 'provider', 'version');

      await create('service_plans', (t) => {
        const table = int(text(withId(t), 'name'), 'service_id', 'free', 'active', 'public');
        return reference(
          json(optionalText(table, 'unique_id'), 'description', 'extra'),
          'service_id',
          'services',
          'cascade',
        );
      });
      await unique('service_plans', 'service_id', 'name');
      await create('service_plan_visibilities', (t) =>
        reference(
          reference(
            time(int(withId(t), 'service_plan_id', 'organization_id'), 'created_at'),
            'service_plan_id',
            'service_plans',
            'cascade',
          ),
          'organization_id',
          'organizations',
          'cascade',
        ),
      );
      await unique('service_plan_visibilities', 'service_plan_id', 'organization_id');

      await create('service_instances', (t) => {
        let table = int(text(withId(t), 'name', 'state', 'version'), 'space_id', 'service_plan_id');
        table = json(optionalText(table, 'dashboard_url'), 'configuration', 'credentials', 'plan_option');
        table = table.addColumn('gateway_name', 'varchar(255)') as Table;
        return reference(
          reference(time(table, 'created_at', 'updated_at'), 'space_id', 'spaces'),
          'service_plan_id',
          'service_plans',
        );
      });
      await unique('service_instances', 'space_id', 'name');
      await index('service_instances', 'gateway_name');

      await create('binding_tokens', (t) =>
        reference(
          time(
            json(int(text(withId(t), 'token'), 'service_instance_id', 'auto_generated'), 'binding_options'),
            'created_at',
          ),
          'service_instance_id',
          'service_instances',
          'cascade',
        ),
      );
      await unique('binding_tokens', 'token');

      await create('service_bindings', (t) => {
        let table = int(text(withId(t), 'state'), 'service_instance_id');
        // Null when the app is gone and the gateway still has to be told.
        table = optionalInt(table, 'app_id', 'binding_token_id');
        table = json(table, 'configuration', 'credentials', 'binding_options');
        table = time(table.addColumn('gateway_name', 'varchar(255)') as Table, 'created_at', 'updated_at');
        table = reference(table, 'app_id', 'apps', 'set null');
        table = reference(table, 'binding_token_id', 'binding_tokens', 'set null');
        return reference(table, 'service_instance_id', 'service_instances');
      });
      await unique('service_bindings', 'app_id', 'service_instance_id');
      await index('service_bindings', 'gateway_name');

      await create('service_operations', (t) => {
        let table = text(withId(t), 'kind', 'state', 'actor', 'target', 'trace_id');
        table = int(table, 'space_id', 'attempts');
        table = json(optionalInt(table, 'service_instance_id', 'service_binding_id'), 'reason');
        return time(table, 'due_at', 'created_at', 'updated_at');
      });
      await index('service_operations', 'due_at');
      await index('service_operations', 'service_instance_id');
      await index('service_operations', 'service_binding_id');
    },
  };
}
