import type { Generated } from 'kysely';
import type { ServiceSchema } from './service-schema.ts';

/** Row shapes of the database (v2 model). Times are milliseconds since the epoch; flags are 0 or 1. */
export interface Schema extends ServiceSchema {
  quota_definitions: QuotaDefinitionRow;
  organizations: OrganizationRow;
  spaces: SpaceRow;
  users: UserRow;
  organizations_users: { organization_id: number; user_id: number };
  spaces_developers: { space_id: number; user_id: number };
  apps: AppRow;
  domains: { id: Generated<number>; guid: string; name: string; created_at: number };
  routes: RouteRow;
  apps_routes: { app_id: number; route_id: number };
  events: EventRow;
  start_orders: { claim: string; expires_at: number };
  staging_upload_tokens: { token_hash: string; app_guid: string; expires_at: number };
}

export interface QuotaDefinitionRow {
  id: Generated<number>;
  guid: string;
  name: string;
  memory_mb: number;
  app_uris: number;
  services: number;
  apps: number;
}

export interface OrganizationRow {
  id: Generated<number>;
  guid: string;
  name: string;
  quota_definition_id: number;
  /** Touched first by every transaction that counts against the quota: the row lock puts them in a line. */
  lock_counter: number;
  created_at: number;
}

export interface SpaceRow {
  id: Generated<number>;
  guid: string;
  name: string;
  organization_id: number;
  created_at: number;
}

export interface UserRow {
  id: Generated<number>;
  guid: string;
  email: string;
  password_hash: string;
  /** Grows with each password change and is part of every token: older tokens end. */
  password_epoch: number;
  default_space_id: number;
  created_at: number;
}

export interface AppRow {
  id: Generated<number>;
  guid: string;
  name: string;
  space_id: number;
  framework: string;
  runtime: string | null;
  command: string | null;
  stack: string;
  memory_mb: number;
  disk_mb: number;
  fds: number;
  instances: number;
  state: string;
  package_state: string;
  package_hash: string | null;
  droplet_hash: string | null;
  detected_start_command: string | null;
  version: string;
  staging_task_id: string | null;
  staging_log_url: string | null;
  env_json: string;
  debug: string | null;
  console: number;
  meta_version: number;
  /** The version whose instances serve while those of `version` take their places one by one; else null. */
  replacing_version: Generated<string | null>;
  /** Until then the controller that replaces them has renewed its word. */
  replacing_until: Generated<number>;
  /** Until then the controller that stages has renewed its word; 0 when none does. */
  staging_lease_until: Generated<number>;
  /** Why the last staging or update failed, for the user. */
  staging_error: Generated<string | null>;
  /** The droplet is not of the newest bits: those failed, and what ran before was kept. */
  stale_droplet: Generated<number>;
  created_at: number;
  updated_at: number;
}

export interface RouteRow {
  id: Generated<number>;
  guid: string;
  host: string;
  domain_id: number;
  space_id: number;
  /** host.domain, unique: what a router would key on. */
  fqdn: string;
  created_at: number;
}

export interface EventRow {
  id: Generated<number>;
  guid: string;
  type: string;
  actor: string;
  /** The administrator behind a proxied call; null otherwise. */
  real_actor: string | null;
  target_type: string;
  target: string;
  trace_id: string;
  detail_json: string;
  created_at: number;
}
