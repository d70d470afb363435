import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createTable, int, optionalText, text, time, withId } from '../columns.ts';
import type { Table } from '../columns.ts';
import type { DialectName } from '../open.ts';

/** All tables of the v2 model. Names compare by bytes in both databases. */
export function initial(dialect: DialectName): Migration {
  const mysql = dialect === 'mysql';
  const longText = sql.raw<never>(mysql ? 'mediumtext' : 'text');
  return {
    async up(db: Kysely<unknown>) {
      const create = (name: string, columns: (table: Table) => Table): Promise<void> =>
        createTable(db, dialect, name, columns);
      let constraints = 0;
      const reference = (table: Table, column: string, to: string, cascade = false): Table =>
        table.addForeignKeyConstraint(`fk_${++constraints}_${column}`, [column as never], to, ['id'], (c) =>
          cascade ? c.onDelete('cascade') : c,
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

      await create('quota_definitions', (t) =>
        int(text(withId(t), 'name'), 'memory_mb', 'app_uris', 'services', 'apps'),
      );
      await unique('quota_definitions', 'name');
      await create('organizations', (t) =>
        reference(
          time(int(text(withId(t), 'name'), 'quota_definition_id', 'lock_counter'), 'created_at'),
          'quota_definition_id',
          'quota_definitions',
        ),
      );
      await unique('organizations', 'name');
      await create('spaces', (t) =>
        reference(
          time(int(text(withId(t), 'name'), 'organization_id'), 'created_at'),
          'organization_id',
          'organizations',
          true,
        ),
      );
      await unique('spaces', 'organization_id', 'name');
      await create('users', (t) =>
        reference(
          time(
            int(text(withId(t), 'email', 'password_hash'), 'password_epoch', 'default_space_id'),
            'created_at',
          ),
          'default_space_id',
          'spaces',
        ),
      );
      await unique('users', 'email');
      await create('organizations_users', (t) =>
        reference(
          reference(int(t, 'organization_id', 'user_id'), 'organization_id', 'organizations', true),
          'user_id',
          'users',
          true,
        ),
      );
      await unique('organizations_users', 'organization_id', 'user_id');
      await create('spaces_developers', (t) =>
        reference(
          reference(int(t, 'space_id', 'user_id'), 'space_id', 'spaces', true),
          'user_id',
          'users',
          true,
        ),
      );
      await unique('spaces_developers', 'space_id', 'user_id');

      await create('apps', (t) => {
        let table = int(
          text(withId(t), 'name', 'framework', 'stack', 'state', 'package_state', 'version'),
          'space_id',
        );
        table = int(table, 'memory_mb', 'disk_mb', 'fds', 'instances', 'console', 'meta_version');
        table = optionalText(
          table,
          'runtime',
          'package_hash',
          'droplet_hash',
          'staging_task_id',
          'staging_log_url',
          'debug',
        );
        table = table
          .addColumn('command', longText)
          .addColumn('detected_start_command', longText)
          .addColumn('env_json', longText, (c) => c.notNull()) as Table;
        return reference(time(table, 'created_at', 'updated_at'), 'space_id', 'spaces');
      });
      await unique('apps', 'space_id', 'name');

      await create('domains', (t) => time(text(withId(t), 'name'), 'created_at'));
      await unique('domains', 'name');
      await create('routes', (t) =>
        reference(
          reference(
            time(int(text(withId(t), 'host', 'fqdn'), 'domain_id', 'space_id'), 'created_at'),
            'domain_id',
            'domains',
          ),
          'space_id',
          'spaces',
          true,
        ),
      );
      await unique('routes', 'fqdn');
      await create('apps_routes', (t) =>
        reference(
          reference(int(t, 'app_id', 'route_id'), 'app_id', 'apps', true),
          'route_id',
          'routes',
          true,
        ),
      );
      await unique('apps_routes', 'app_id', 'route_id');

      await create('services', (t) =>
        int(text(withId(t), 'label', 'provider', 'version', 'url', 'description'), 'active'),
      );
      await unique('services', 'label', 'provider');
      await create('service_plans', (t) =>
        reference(int(text(withId(t), 'name'), 'service_id', 'free'), 'service_id', 'services'),
      );
      await unique('service_plans', 'service_id', 'name');
      await create('service_instances', (t) => {
        const table = time(int(text(withId(t), 'name'), 'space_id', 'service_plan_id'), 'created_at');
        const full = optionalText(table, 'gateway_name').addColumn('credentials_json', longText) as Table;
        return reference(reference(full, 'space_id', 'spaces'), 'service_plan_id', 'service_plans');
      });
      await unique('service_instances', 'space_id', 'name');
      await create('service_bindings', (t) => {
        const table = time(int(withId(t), 'app_id', 'service_instance_id'), 'created_at');
        const full = optionalText(table, 'gateway_name').addColumn('credentials_json', longText) as Table;
        return reference(reference(full, 'app_id', 'apps'), 'service_instance_id', 'service_instances');
      });
      await unique('service_bindings', 'app_id', 'service_instance_id');
      await create('service_auth_tokens', (t) => text(withId(t), 'label', 'provider', 'token_hash'));
      await unique('service_auth_tokens', 'label', 'provider');

      await create('events', (t) => {
        const table = text(withId(t), 'type', 'actor', 'target_type', 'target', 'trace_id');
        return time(
          optionalText(table, 'real_actor').addColumn('detail_json', longText, (c) => c.notNull()) as Table,
          'created_at',
        );
      });
      await index('events', 'created_at');
      await create('staging_upload_tokens', (t) =>
        time(
          text(t.addColumn('token_hash', 'varchar(64)', (c) => c.primaryKey()) as Table, 'app_guid'),
          'expires_at',
        ),
      );
    },
  };
}
