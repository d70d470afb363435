import { randomUUID } from 'node:crypto';
import type { Database, Queryable } from '../db/open.ts';
import type { ServiceState } from '../db/service-schema.ts';
import type { SecretBox } from '../domain/secret-box.ts';
import type { BoundService } from '../ports.ts';
import { openJson } from './service-instances.ts';
import type { GatewayHandle } from './service-instances.ts';
import { parseColumn } from './service-offerings.ts';

/** What binds an app to an instance. */
export interface BindingRecord {
  id: number;
  guid: string;
  state: ServiceState;
  instanceId: number;
  /** Null when the app is gone. */
  appId: number | null;
  tokenId: number | null;
  gatewayName: string | null;
  configuration: Record<string, unknown>;
  credentials: Record<string, unknown>;
  bindingOptions: Record<string, unknown>;
}

/** Bindings, read and written over a database or a transaction of it. */
export class ServiceBindings {
  readonly #database: Database;
  readonly #db: Queryable;
  readonly #box: SecretBox;

  constructor(database: Database, box: SecretBox, db: Queryable = database.db) {
    this.#database = database;
    this.#box = box;
    this.#db = db;
  }

  /** The same over a transaction. */
  within(tx: Queryable): ServiceBindings {
    return new ServiceBindings(this.#database, this.#box, tx);
  }

  async byId(id: number): Promise<BindingRecord | undefined> {
    return this.#first(this.#select().where('service_bindings.id', '=', id));
  }

  /** The one between this app and this instance; there is never a second. */
  async between(appId: number, instanceId: number): Promise<BindingRecord | undefined> {
    return this.#first(
      this.#select()
        .where('service_bindings.app_id', '=', appId)
        .where('service_bindings.service_instance_id', '=', instanceId),
    );
  }

  async byGatewayName(gatewayName: string, serviceId: number): Promise<BindingRecord | undefined> {
    return this.#first(
      this.#select()
        .where('service_bindings.gateway_name', '=', gatewayName)
        .where('service_plans.service_id', '=', serviceId),
    );
  }

  async ofApp(appId: number): Promise<BindingRecord[]> {
    return this.#all(this.#select().where('service_bindings.app_id', '=', appId));
  }

  async ofInstance(instanceId: number): Promise<BindingRecord[]> {
    return this.#all(this.#select().where('service_bindings.service_instance_id', '=', instanceId));
  }

  async ofToken(tokenId: number): Promise<BindingRecord[]> {
    return this.#all(this.#select().where('service_bindings.binding_token_id', '=', tokenId));
  }

  /** The next ones of a service that its gateway has made, in order of row id. */
  async page(serviceId: number, afterId: number, limit: number): Promise<BindingRecord[]> {
    return this.#all(
      this.#select()
        .where('service_plans.service_id', '=', serviceId)
        .where('service_bindings.gateway_name', 'is not', null)
        .where('service_bindings.id', '>', afterId)
        .orderBy('service_bindings.id')
        .limit(limit),
    );
  }

  /** What the app gets to see: bindings that are whole. */
  async boundTo(appGuid: string): Promise<BoundService[]> {
    const rows = await this.#db
      .selectFrom('service_bindings')
      .innerJoin('apps', 'apps.id', 'service_bindings.app_id')
      .innerJoin('service_instances', 'service_instances.id', 'service_bindings.service_instance_id')
      .innerJoin('service_plans', 'service_plans.id', 'service_instances.service_plan_id')
      .innerJoin('services', 'services.id', 'service_plans.service_id')
      .select([
        'service_instances.name',
        'service_instances.version',
        'service_instances.plan_option',
        'service_plans.name as plan',
        'services.label as vendor',
        'services.provider',
        'services.tags',
        'service_bindings.credentials',
      ])
      .where('apps.guid', '=', appGuid)
      .where('service_bindings.state', '=', 'created')
      .orderBy('service_bindings.id')
      .execute();
    return rows.map((row) => ({
      name: row.name,
      label: `${row.vendor}-${row.version}`,
      vendor: row.vendor,
      provider: row.provider,
      version: row.version,
      plan: row.plan,
      planOption: parseColumn<unknown>(row.plan_option, null),
      tags: parseColumn<string[]>(row.tags, []),
      credentials: openJson(this.#box, row.credentials),
    }));
  }

  /** Writes down a binding that the gateway is about to be asked for. */
  async insert(binding: {
    /** Null for a binding that no app has: that of a tunnel. */
    appId: number | null;
    instanceId: number;
    tokenId?: number | null;
    options?: Record<string, unknown>;
  }): Promise<BindingRecord> {
    const now = this.#database.clock.now();
    const { insertId } = await this.#db
      .insertInto('service_bindings')
      .values({
        guid: randomUUID(),
        state: 'creating',
        service_instance_id: binding.instanceId,
        app_id: binding.appId,
        binding_token_id: binding.tokenId ?? null,
        binding_options: JSON.stringify(binding.options ?? {}),
        created_at: now,
        updated_at: now,
      })
      .executeTakeFirstOrThrow();
    const made = await this.byId(Number(insertId));
    if (!made) throw new Error(`service binding row ${insertId} vanished inside its transaction`);
    return made;
  }

  /** Stores the gateway's answer. False when the row is not waiting for it any more. */
  async created(id: number, handle: GatewayHandle): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('service_bindings')
      .set({ state: 'created', ...this.#columns(handle) })
      .where('id', '=', id)
      .where('state', '=', 'creating')
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async changed(id: number, handle: GatewayHandle): Promise<void> {
    await this.#db.updateTable('service_bindings').set(this.#columns(handle)).where('id', '=', id).execute();
  }

  /** `release` frees the app of it: the app goes, or may be bound anew while the gateway is not done. */
  async setDeleting(
    id: number,
    change: { release?: boolean; gatewayName?: string | null } = {},
  ): Promise<void> {
    await this.#db
      .updateTable('service_bindings')
      .set({
        state: 'deleting',
        updated_at: this.#database.clock.now(),
        ...(change.release === true && { app_id: null }),
        ...(change.gatewayName != null && { gateway_name: change.gatewayName }),
      })
      .where('id', '=', id)
      .execute();
  }

  /** Removes the row, and the token that was made for it alone. */
  async remove(id: number, state: ServiceState): Promise<boolean> {
    const row = await this.#db
      .selectFrom('service_bindings')
      .select('binding_token_id')
      .where('id', '=', id)
      .where('state', '=', state)
      .executeTakeFirst();
    if (!row) return false;
    await this.#db.deleteFrom('service_bindings').where('id', '=', id).execute();
    if (row.binding_token_id !== null) {
      await this.#db
        .deleteFrom('binding_tokens')
        .where('id', '=', row.binding_token_id)
        .where('auto_generated', '=', 1)
        .execute();
    }
    return true;
  }

  #columns({ gatewayName, configuration, credentials }: GatewayHandle) {
    return {
      gateway_name: gatewayName,
      configuration: JSON.stringify(configuration),
      credentials: this.#box.seal(JSON.stringify(credentials)),
      updated_at: this.#database.clock.now(),
    };
  }

  #select() {
    return selectBindings(this.#db);
  }

  async #first(query: ReturnType<typeof selectBindings>): Promise<BindingRecord | undefined> {
    const row = await query.executeTakeFirst();
    return row && this.#toRecord(row);
  }

  async #all(query: ReturnType<typeof selectBindings>): Promise<BindingRecord[]> {
    return (await query.execute()).map((row) => this.#toRecord(row));
  }

  #toRecord(row: BindingRow): BindingRecord {
    return {
      id: row.id,
      guid: row.guid,
      state: row.state,
      instanceId: row.service_instance_id,
      appId: row.app_id,
      tokenId: row.binding_token_id,
      gatewayName: row.gateway_name,
      configuration: parseColumn(row.configuration, {}),
      credentials: openJson(this.#box, row.credentials),
      bindingOptions: parseColumn(row.binding_options, {}),
    };
  }
}

function selectBindings(db: Queryable) {
  return db
    .selectFrom('service_bindings')
    .innerJoin('service_instances', 'service_instances.id', 'service_bindings.service_instance_id')
    .innerJoin('service_plans', 'service_plans.id', 'service_instances.service_plan_id')
    .selectAll('service_bindings');
}
type BindingRow = Awaited<ReturnType<ReturnType<typeof selectBindings>['executeTakeFirstOrThrow']>>;
