import type { Selectable } from 'kysely';
import type { AppRow } from '../db/schema.ts';
import type { Queryable } from '../db/open.ts';
import type { AppRecord } from '../ports.ts';

/** The columns that differ in name between row and record. */
const COLUMNS = {
  name: 'name',
  framework: 'framework',
  runtime: 'runtime',
  command: 'command',
  memoryMb: 'memory_mb',
  instances: 'instances',
  state: 'state',
  packageState: 'package_state',
  packageHash: 'package_hash',
  dropletHash: 'droplet_hash',
  detectedStartCommand: 'detected_start_command',
  version: 'version',
  stagingTaskId: 'staging_task_id',
  stagingLogUrl: 'staging_log_url',
  debug: 'debug',
  metaVersion: 'meta_version',
  replacingVersion: 'replacing_version',
  replacingUntil: 'replacing_until',
  stagingLeaseUntil: 'staging_lease_until',
  stagingError: 'staging_error',
} as const satisfies Partial<Record<keyof AppRecord, keyof AppRow>>;

/** Fields of an app that can be written. */
export type AppChange = Partial<Pick<AppRecord, keyof typeof COLUMNS | 'env' | 'console' | 'staleDroplet'>>;

/** The row's columns for a change; nothing is written for absent fields. */
export function toColumns(change: AppChange): Partial<Selectable<AppRow>> {
  const columns: Record<string, unknown> = {};
  for (const [field, column] of Object.entries(COLUMNS)) {
    const value = change[field as keyof typeof COLUMNS];
    if (value !== undefined) columns[column] = value;
  }
  if (change.env) columns['env_json'] = JSON.stringify(change.env);
  if (change.console !== undefined) columns['console'] = change.console ? 1 : 0;
  if (change.staleDroplet !== undefined) columns['stale_droplet'] = change.staleDroplet ? 1 : 0;
  return columns;
}

type JoinedRow = Selectable<AppRow> & { org_guid: string; space_guid: string; owner_email: string | null };

/** Apps with their owner: the start of every query for records. */
export function selectApps(db: Queryable) {
  return db
    .selectFrom('apps')
    .innerJoin('spaces', 'spaces.id', 'apps.space_id')
    .innerJoin('organizations', 'organizations.id', 'spaces.organization_id')
    .leftJoin('users', 'users.default_space_id', 'spaces.id')
    .selectAll('apps')
    .select(['organizations.guid as org_guid', 'spaces.guid as space_guid', 'users.email as owner_email']);
}

/** Rows to records; the URLs of all of them are read in one query, and so are their services. */
export async function toRecords(db: Queryable, rows: readonly JoinedRow[]): Promise<AppRecord[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const mapped = await db
    .selectFrom('apps_routes')
    .innerJoin('routes', 'routes.id', 'apps_routes.route_id')
    .select(['apps_routes.app_id', 'routes.fqdn'])
    .where('apps_routes.app_id', 'in', ids)
    .orderBy('routes.fqdn')
    .execute();
  const uris = Map.groupBy(mapped, (row) => row.app_id);
  const bound = await db
    .selectFrom('service_bindings')
    .innerJoin('service_instances', 'service_instances.id', 'service_bindings.service_instance_id')
    .select(['service_bindings.app_id', 'service_instances.name'])
    .where('service_bindings.app_id', 'in', ids)
    .where('service_bindings.state', '<>', 'deleting')
    .orderBy('service_instances.name')
    .execute();
  const services = Map.groupBy(bound, (row) => row.app_id);
  return rows.map((row) =>
    toRecord(
      row,
      uris.get(row.id)?.map((route) => route.fqdn) ?? [],
      services.get(row.id)?.map((service) => service.name) ?? [],
    ),
  );
}

function toRecord(row: JoinedRow, uris: string[], services: string[]): AppRecord {
  return {
    id: row.id,
    guid: row.guid,
    name: row.name,
    orgGuid: row.org_guid,
    spaceGuid: row.space_guid,
    ownerEmail: row.owner_email ?? '',
    framework: row.framework,
    runtime: row.runtime,
    command: row.command,
    stack: row.stack,
    memoryMb: row.memory_mb,
    diskMb: row.disk_mb,
    fds: row.fds,
    instances: row.instances,
    state: row.state as AppRecord['state'],
    packageState: row.package_state as AppRecord['packageState'],
    packageHash: row.package_hash,
    dropletHash: row.droplet_hash,
    detectedStartCommand: row.detected_start_command,
    version: row.version,
    stagingTaskId: row.staging_task_id,
    stagingLogUrl: row.staging_log_url,
    env: JSON.parse(row.env_json) as string[],
    services,
    debug: row.debug,
    console: row.console !== 0,
    metaVersion: row.meta_version,
    replacingVersion: row.replacing_version,
    replacingUntil: row.replacing_until,
    stagingLeaseUntil: row.staging_lease_until,
    stagingError: row.staging_error,
    staleDroplet: row.stale_droplet !== 0,
    uris,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
