import type { Generated } from 'kysely';

/** Rows of the service tables. Columns of JSON are texts; `credentials` and `token` are sealed (domain/secret-box). */
export interface ServiceSchema {
  services: ServiceRow;
  service_plans: ServicePlanRow;
  service_plan_visibilities: {
    id: Generated<number>;
    guid: string;
    service_plan_id: number;
    organization_id: number;
    created_at: number;
  };
  service_instances: ServiceInstanceRow;
  binding_tokens: BindingTokenRow;
  service_bindings: ServiceBindingRow;
  service_auth_tokens: ServiceAuthTokenRow;
  service_operations: ServiceOperationRow;
  tunnel_sessions: {
    id: Generated<number>;
    guid: string;
    user: string;
    space_id: number;
    service_instance_id: number | null;
    service_binding_id: number | null;
    expires_at: number;
    created_at: number;
  };
}

export interface ServiceAuthTokenRow {
  id: Generated<number>;
  guid: string;
  label: string;
  provider: string;
  token: string;
  /** Registered with a broker's token. */
  brokered: number;
}

/** One offering: what a gateway told of its service. */
export interface ServiceRow {
  id: Generated<number>;
  guid: string;
  /** Without the version. */
  label: string;
  provider: string;
  /** The part of the advertised label behind its last dash. */
  version: string;
  active: number;
  brokered: number;
  url: string;
  info_url: string | null;
  default_plan: string | null;
  unique_id: string | null;
  description: string | null;
  extra: string | null;
  tags: string | null;
  plan_options: string | null;
  binding_options: string | null;
  acls: string | null;
  supported_versions: string | null;
  version_aliases: string | null;
  timeout_seconds: number | null;
  created_at: number;
  updated_at: number;
}

export interface ServicePlanRow {
  id: Generated<number>;
  guid: string;
  name: string;
  service_id: number;
  free: number;
  /** 0: not offered any more, but some instance is of it. */
  active: number;
  public: number;
  unique_id: string | null;
  description: string | null;
  extra: string | null;
}

/** `creating` until the gateway's answer is stored, `deleting` until it confirmed the deletion. */
export type ServiceState = 'creating' | 'created' | 'deleting';

export interface ServiceInstanceRow {
  id: Generated<number>;
  guid: string;
  name: string;
  state: ServiceState;
  version: string;
  space_id: number;
  service_plan_id: number;
  /** The gateway's id of it; null while it is made. */
  gateway_name: string | null;
  dashboard_url: string | null;
  configuration: string | null;
  credentials: string | null;
  plan_option: string | null;
  created_at: number;
  updated_at: number;
}

export interface BindingTokenRow {
  id: Generated<number>;
  guid: string;
  token: string;
  service_instance_id: number;
  /** Made for one binding, and gone with it. */
  auto_generated: number;
  binding_options: string | null;
  created_at: number;
}

export interface ServiceBindingRow {
  id: Generated<number>;
  guid: string;
  state: ServiceState;
  service_instance_id: number;
  app_id: number | null;
  binding_token_id: number | null;
  gateway_name: string | null;
  configuration: string | null;
  credentials: string | null;
  binding_options: string | null;
  created_at: number;
  updated_at: number;
}

export type OperationKind = 'provision' | 'unprovision' | 'bind' | 'unbind';

/** What was asked of a gateway, written down before it is asked. */
export interface ServiceOperationRow {
  id: Generated<number>;
  guid: string;
  kind: OperationKind;
  state: 'in progress' | 'succeeded' | 'failed';
  reason: string | null;
  actor: string;
  /** Alias of the instance. */
  target: string;
  trace_id: string;
  space_id: number;
  attempts: number;
  /** No references: the record outlives what it is about. */
  service_instance_id: number | null;
  service_binding_id: number | null;
  /** When whoever looks next ends or repeats it; 0: never. */
  due_at: number;
  created_at: number;
  updated_at: number;
}
