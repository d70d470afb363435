import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Acls, Offering } from '@vcap/service-api';
import type { Database, Queryable } from '../db/open.ts';
import { inTransaction } from '../db/open.ts';
import type { ServicePlanRow, ServiceRow, ServiceSchema } from '../db/service-schema.ts';
import { splitLabel } from '../domain/service-labels.ts';
import { syncPlans } from './service-plans.ts';

/** A plan of an offering. */
export interface Plan {
  id: number;
  guid: string;
  name: string;
  free: boolean;
  active: boolean;
  public: boolean;
  /** Ids of those that may use it while it is not public. */
  organizations: number[];
  uniqueId: string;
  description: string | null;
}

/** A service as its gateway advertised it. */
export interface OfferingRecord {
  id: number;
  guid: string;
  /** Without the version. */
  label: string;
  provider: string;
  version: string;
  active: boolean;
  brokered: boolean;
  url: string;
  infoUrl: string | null;
  description: string | null;
  extra: string | null;
  defaultPlan: string | null;
  uniqueId: string | null;
  tags: string[];
  planOptions: Record<string, unknown> | null;
  bindingOptions: Record<string, unknown> | null;
  acls: Acls | null;
  supportedVersions: string[];
  versionAliases: Record<string, string>;
  timeoutSeconds: number | null;
  plans: Plan[];
}

/** `mysql-5.1` */
export function fullLabel(offering: Pick<OfferingRecord, 'label' | 'version'>): string {
  return `${offering.label}-${offering.version}`;
}

/** What gateways advertised. */
export class ServiceOfferings {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async list(): Promise<OfferingRecord[]> {
    return withPlans(this.#database.db, await this.#select().orderBy('label').orderBy('version').execute());
  }

  async byId(id: number): Promise<OfferingRecord | undefined> {
    const rows = await this.#select().where('id', '=', id).execute();
    return (await withPlans(this.#database.db, rows))[0];
  }

  /** By the label as it is advertised, with its version. */
  async byLabel(label: string, provider: string): Promise<OfferingRecord | undefined> {
    const split = splitLabel(label);
    if (!split) return undefined;
    const rows = await this.#select()
      .where('label', '=', split.name)
      .where('version', '=', split.version)
      .where('provider', '=', provider)
      .execute();
    return (await withPlans(this.#database.db, rows))[0];
  }

  /**
   * Creates or updates the offering of that label and provider, whole: what it leaves out is cleared. Plans that are
   * gone are removed, or only hidden while there are instances of them.
   */
  async save(offering: Offering, provider: string, brokered: boolean): Promise<void> {
    const split = splitLabel(offering.label);
    if (!split) throw new TypeError(`no label: ${offering.label}`);
    const now = this.#database.clock.now();
    await inTransaction(this.#database, async (tx) => {
      const found = await tx
        .selectFrom('services')
        .select('id')
        .where('label', '=', split.name)
        .where('version', '=', split.version)
        .where('provider', '=', provider)
        .executeTakeFirst();
      const columns = { ...columnsOf(offering), brokered: brokered ? 1 : 0, updated_at: now };
      let id = found?.id;
      if (id === undefined) {
        const { insertId } = await tx
          .insertInto('services')
          .values({
            guid: randomUUID(),
            label: split.name,
            version: split.version,
            provider,
            created_at: now,
            ...columns,
          })
          .executeTakeFirstOrThrow();
        id = Number(insertId);
      } else {
        await tx.updateTable('services').set(columns).where('id', '=', id).execute();
      }
      await syncPlans(tx, { id, prefix: offering.unique_id ?? `${provider}_${split.name}` }, offering);
    });
  }

  /**
   * Forgets the offering with its instances and bindings; gateways are not told. A broker's hold on the label ends with
   * its last version.
   */
  async remove({ id, label, provider }: OfferingRecord): Promise<void> {
    await inTransaction(this.#database, async (tx) => {
      const plans = tx.selectFrom('service_plans').select('id').where('service_id', '=', id);
      const instances = tx.selectFrom('service_instances').select('id').where('service_plan_id', 'in', plans);
      await tx.deleteFrom('service_bindings').where('service_instance_id', 'in', instances).execute();
      await tx.deleteFrom('service_instances').where('service_plan_id', 'in', plans).execute();
      await tx.deleteFrom('services').where('id', '=', id).execute();
      const other = await tx
        .selectFrom('services')
        .select('id')
        .where('label', '=', label)
        .where('provider', '=', provider)
        .limit(1)
        .executeTakeFirst();
      if (other) return;
      await tx
        .deleteFrom('service_auth_tokens')
        .where('label', '=', label)
        .where('provider', '=', provider)
        .where('brokered', '=', 1)
        .execute();
    });
  }

  #select() {
    return this.#database.db.selectFrom('services').selectAll();
  }
}

function columnsOf(offering: Offering) {
  const json = (value: unknown): string | null => (value == null ? null : JSON.stringify(value));
  return {
    active: offering.active === false ? 0 : 1,
    url: offering.url,
    info_url: offering.info_url ?? null,
    default_plan: offering.default_plan ?? null,
    unique_id: offering.unique_id ?? null,
    description: offering.description ?? null,
    extra: offering.extra ?? null,
    tags: json(offering.tags),
    plan_options: json(offering.plan_options),
    binding_options: json(offering.binding_options),
    acls: json(offering.acls),
    supported_versions: json(offering.supported_versions),
    version_aliases: json(offering.version_aliases),
    timeout_seconds: offering.timeout ?? null,
  };
}

async function withPlans(db: Queryable, rows: readonly Selectable<ServiceRow>[]): Promise<OfferingRecord[]> {
  if (rows.length === 0) return [];
  const plans = await db
    .selectFrom('service_plans')
    .selectAll()
    .where(
      'service_id',
      'in',
      rows.map(({ id }) => id),
    )
    .orderBy('name')
    .execute();
  const byService = Map.groupBy(plans, (plan) => plan.service_id);
  const shown = Map.groupBy(await visibilities(db, plans), (row) => row.service_plan_id);
  return rows.map((row) => toOffering(row, byService.get(row.id) ?? [], shown));
}

type Visibility = Pick<
  Selectable<ServiceSchema['service_plan_visibilities']>,
  'service_plan_id' | 'organization_id'
>;

/** Of the plans that are not public, which are few. */
async function visibilities(
  db: Queryable,
  plans: readonly Selectable<ServicePlanRow>[],
): Promise<Visibility[]> {
  const hidden = plans.filter((plan) => plan.public === 0).map(({ id }) => id);
  if (hidden.length === 0) return [];
  return db
    .selectFrom('service_plan_visibilities')
    .select(['service_plan_id', 'organization_id'])
    .where('service_plan_id', 'in', hidden)
    .execute();
}

/** A column of JSON; `fallback` when it is empty. */
export function parseColumn<T>(text: string | null, fallback: T): T {
  return text === null ? fallback : (JSON.parse(text) as T);
}

function toOffering(
  row: Selectable<ServiceRow>,
  plans: readonly Selectable<ServicePlanRow>[],
  shown: ReadonlyMap<number, readonly Visibility[]>,
): OfferingRecord {
  return {
    id: row.id,
    guid: row.guid,
    label: row.label,
    provider: row.provider,
    version: row.version,
    active: row.active !== 0,
    brokered: row.brokered !== 0,
    url: row.url,
    infoUrl: row.info_url,
    description: row.description,
    extra: row.extra,
    defaultPlan: row.default_plan,
    uniqueId: row.unique_id,
    tags: parseColumn<string[]>(row.tags, []),
    planOptions: parseColumn<Record<string, unknown> | null>(row.plan_options, null),
    bindingOptions: parseColumn<Record<string, unknown> | null>(row.binding_options, null),
    acls: parseColumn<Acls | null>(row.acls, null),
    supportedVersions: parseColumn<string[]>(row.supported_versions, []),
    versionAliases: parseColumn<Record<string, string>>(row.version_aliases, {}),
    timeoutSeconds: row.timeout_seconds,
    plans: plans.map((plan) => ({
      id: plan.id,
      guid: plan.guid,
      name: plan.name,
      free: plan.free !== 0,
      active: plan.active !== 0,
      public: plan.public !== 0,
      organizations: (shown.get(plan.id) ?? []).map((each) => each.organization_id),
      uniqueId: plan.unique_id ?? `${row.unique_id ?? `${row.provider}_${row.label}`}_${plan.name}`,
      description: plan.description,
    })),
  };
}
