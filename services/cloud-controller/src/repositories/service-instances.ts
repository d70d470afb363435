import { randomUUID } from 'node:crypto';
import type { Database, Queryable } from '../db/open.ts';
import type { ServiceState } from '../db/service-schema.ts';
import type { SecretBox } from '../domain/secret-box.ts';
import { parseColumn } from './service-offerings.ts';

/** A provisioned service, with what of its offering and plan is needed to work with it. */
export interface InstanceRecord {
  id: number;
  guid: string;
  /** The user's alias. */
  name: string;
  state: ServiceState;
  version: string;
  spaceId: number;
  gatewayName: string | null;
  dashboardUrl: string | null;
  configuration: Record<string, unknown>;
  credentials: Record<string, unknown>;
  planOption: unknown;
  createdAt: number;
  updatedAt: number;
  plan: string;
  planUniqueId: string | null;
  serviceId: number;
  /** Of the offering; without its version. */
  label: string;
  /** The version in the advertised label, which is not always the instance's. */
  labelVersion: string;
  provider: string;
  tags: string[];
  url: string;
  timeoutSeconds: number | null;
}

/** What a gateway answered of an instance or a binding. */
export interface GatewayHandle {
  gatewayName: string;
  configuration: Record<string, unknown>;
  credentials: Record<string, unknown>;
  dashboardUrl?: string | null;
}

export interface NewInstance {
  name: string;
  spaceId: number;
  planId: number;
  version: string;
  planOption: unknown;
}

/** In the name of an abandoned instance; no alias has it. */
const GONE = '~';

/** Instances, read and written over a database or a transaction of it. */
export class ServiceInstances {
  readonly #database: Database;
  readonly #db: Queryable;
  readonly #box: SecretBox;

  constructor(database: Database, box: SecretBox, db: Queryable = database.db) {
    this.#database = database;
    this.#box = box;
    this.#db = db;
  }

  /** The same over a transaction. */
  within(tx: Queryable): ServiceInstances {
    return new ServiceInstances(this.#database, this.#box, tx);
  }

  async byId(id: number): Promise<InstanceRecord | undefined> {
    return this.#first(this.#select().where('service_instances.id', '=', id));
  }

  async byName(spaceId: number, name: string): Promise<InstanceRecord | undefined> {
    return this.#first(
      this.#select()
        .where('service_instances.space_id', '=', spaceId)
        .where('service_instances.name', '=', name),
    );
  }

  /** By the gateway's id; of one service, or of one space, where they are given: the id is the gateway's word alone. */
  async byGatewayName(
    gatewayName: string,
    within: { serviceId?: number; spaceId?: number } = {},
  ): Promise<InstanceRecord | undefined> {
    let query = this.#select().where('service_instances.gateway_name', '=', gatewayName);
    if (within.serviceId !== undefined) query = query.where('services.id', '=', within.serviceId);
    if (within.spaceId !== undefined) query = query.where('service_instances.space_id', '=', within.spaceId);
    return this.#first(query);
  }

  async listSpace(spaceId: number): Promise<InstanceRecord[]> {
    const rows = await this.#select()
      .where('service_instances.space_id', '=', spaceId)
      .where('service_instances.name', 'not like', `%${GONE}%`)
      .orderBy('service_instances.name')
      .execute();
    return rows.map((row) => this.#toRecord(row));
  }

  async count(spaceId: number): Promise<number> {
    const { n } = await this.#db
      .selectFrom('service_instances')
      .select((e) => e.fn.countAll<number>().as('n'))
      .where('space_id', '=', spaceId)
      .where('name', 'not like', `%${GONE}%`)
      .executeTakeFirstOrThrow();
    return n;
  }

  /** Whether the space has any, those included that are only waited for. */
  async anyIn(spaceId: number): Promise<boolean> {
    const found = await this.#db
      .selectFrom('service_instances')
      .select('id')
      .where('space_id', '=', spaceId)
      .limit(1)
      .executeTakeFirst();
    return found !== undefined;
  }

  /** The next ones of a service that its gateway has made, in order of row id. */
  async page(serviceId: number, afterId: number, limit: number): Promise<InstanceRecord[]> {
    const rows = await this.#select()
      .where('services.id', '=', serviceId)
      .where('service_instances.gateway_name', 'is not', null)
      .where('service_instances.id', '>', afterId)
      .orderBy('service_instances.id')
      .limit(limit)
      .execute();
    return rows.map((row) => this.#toRecord(row));
  }

  /** Writes down an instance that the gateway is about to be asked for. */
  async insert(instance: NewInstance): Promise<InstanceRecord> {
    const now = this.#database.clock.now();
    const { insertId } = await this.#db
      .insertInto('service_instances')
      .values({
        guid: randomUUID(),
        name: instance.name,
        state: 'creating',
        version: instance.version,
        space_id: instance.spaceId,
        service_plan_id: instance.planId,
        plan_option: instance.planOption == null ? null : JSON.stringify(instance.planOption),
        created_at: now,
        updated_at: now,
      })
      .executeTakeFirstOrThrow();
    const made = await this.byId(Number(insertId));
    if (!made) throw new Error(`service instance row ${insertId} vanished inside its transaction`);
    return made;
  }

  /** Stores the gateway's answer. False when the row is not waiting for it any more. */
  async created(id: number, handle: GatewayHandle): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('service_instances')
      .set({ state: 'created', ...this.#columns(handle) })
      .where('id', '=', id)
      .where('state', '=', 'creating')
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** New configuration and credentials from the gateway. */
  async changed(id: number, handle: GatewayHandle): Promise<void> {
    await this.#db.updateTable('service_instances').set(this.#columns(handle)).where('id', '=', id).execute();
  }

  async setDeleting(id: number): Promise<void> {
    await this.#db
      .updateTable('service_instances')
      .set({ state: 'deleting', updated_at: this.#database.clock.now() })
      .where('id', '=', id)
      .execute();
  }

  /**
   * Gives a creation up whose outcome is open: the alias is free again, and the row waits as `deleting` for what the
   * gateway may have made. False when the row is gone.
   */
  async abandon(id: number, gatewayName: string | null): Promise<boolean> {
    const row = await this.#db
      .selectFrom('service_instances')
      .select(['name', 'guid'])
      .where('id', '=', id)
      .where('state', '<>', 'created')
      .executeTakeFirst();
    if (!row) return false;
    const name = row.name.includes(GONE) ? row.name : `${row.name}${GONE}${row.guid.slice(0, 8)}`;
    await this.#db
      .updateTable('service_instances')
      .set({
        name,
        state: 'deleting',
        updated_at: this.#database.clock.now(),
        ...(gatewayName !== null && { gateway_name: gatewayName }),
      })
      .where('id', '=', id)
      .execute();
    return true;
  }

  /** Removes the row with all bindings and tokens of it; `state` guards against a newer turn of events. */
  async remove(id: number, state: ServiceState): Promise<boolean> {
    const still = await this.#db
      .selectFrom('service_instances')
      .select('id')
      .where('id', '=', id)
      .where('state', '=', state)
      .executeTakeFirst();
    if (!still) return false;
    await this.#db.deleteFrom('service_bindings').where('service_instance_id', '=', id).execute();
    await this.#db.deleteFrom('service_instances').where('id', '=', id).execute();
    return true;
  }

  #columns({ gatewayName, configuration, credentials, dashboardUrl }: GatewayHandle) {
    return {
      gateway_name: gatewayName,
      configuration: JSON.stringify(configuration),
      credentials: this.#box.seal(JSON.stringify(credentials)),
      ...(dashboardUrl !== undefined && { dashboard_url: dashboardUrl }),
      updated_at: this.#database.clock.now(),
    };
  }

  #select() {
    return selectInstances(this.#db);
  }

  async #first(query: ReturnType<typeof selectInstances>): Promise<InstanceRecord | undefined> {
    const row = await query.executeTakeFirst();
    return row && this.#toRecord(row);
  }

  #toRecord(row: InstanceRow): InstanceRecord {
    return {
      id: row.id,
      guid: row.guid,
      name: row.name,
      state: row.state,
      version: row.version,
      spaceId: row.space_id,
      gatewayName: row.gateway_name,
      dashboardUrl: row.dashboard_url,
      configuration: parseColumn(row.configuration, {}),
      credentials: openJson(this.#box, row.credentials),
      planOption: parseColumn<unknown>(row.plan_option, null),
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      plan: row.plan_name,
      planUniqueId: row.plan_unique_id,
      serviceId: row.service_id,
      label: row.label,
      labelVersion: row.label_version,
      provider: row.provider,
      tags: parseColumn<string[]>(row.tags, []),
      url: row.url,
      timeoutSeconds: row.timeout_seconds,
    };
  }
}

/** A sealed object; empty where there is none yet. */
export function openJson(box: SecretBox, sealed: string | null): Record<string, unknown> {
  return sealed === null ? {} : (JSON.parse(box.open(sealed)) as Record<string, unknown>);
}

function selectInstances(db: Queryable) {
  return db
    .selectFrom('service_instances')
    .innerJoin('service_plans', 'service_plans.id', 'service_instances.service_plan_id')
    .innerJoin('services', 'services.id', 'service_plans.service_id')
    .selectAll('service_instances')
    .select([
      'service_plans.name as plan_name',
      'service_plans.unique_id as plan_unique_id',
      'services.id as service_id',
      'services.label',
      'services.version as label_version',
      'services.provider',
      'services.tags',
      'services.url',
      'services.timeout_seconds',
    ]);
}
type InstanceRow = Awaited<ReturnType<ReturnType<typeof selectInstances>['executeTakeFirstOrThrow']>>;
