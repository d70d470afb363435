import { randomUUID } from 'node:crypto';
import type { Database, Queryable } from '../db/open.ts';
import { inTransaction } from '../db/open.ts';
import type { RouteName } from '../domain/urls.ts';
import type { AppRecord, AppStore } from '../ports.ts';
import { selectApps, toColumns, toRecords } from './app-rows.ts';
import type { AppChange } from './app-rows.ts';
import { removeUnmapped, replaceRoutes } from './routes.ts';
import type { ServiceStore } from './service-store.ts';

/** What a new app starts with; the rest has defaults. */
export interface NewApp {
  name: string;
  framework: string;
  runtime: string | null;
  command: string | null;
  memoryMb: number;
  diskMb: number;
  fds: number;
  instances: number;
  state: AppRecord['state'];
  env: string[];
  debug: string | null;
  console: boolean;
}

/** What an account's apps take together. */
export interface Usage {
  /** MB times instances of the started apps. */
  memoryMb: number;
  startedApps: number;
  apps: number;
}

/** The view of one space inside one transaction: what is read stays true until it ends. */
export class SpaceApps {
  readonly #tx: Queryable;
  readonly #spaceId: number;
  readonly #now: number;
  /** Services, inside the same transaction. */
  readonly services: ServiceStore;

  constructor(tx: Queryable, services: ServiceStore, spaceId: number, now: number) {
    this.services = services.within(tx);
    this.#tx = tx;
    this.#spaceId = spaceId;
    this.#now = now;
  }

  byName(name: string): Promise<AppRecord | undefined> {
    return findByName(this.#tx, this.#spaceId, name);
  }

  usage(): Promise<Usage> {
    return spaceUsage(this.#tx, this.#spaceId);
  }

  /** Throws the database's duplicate error (see isDuplicate) when the space has the name. */
  async insert(app: NewApp): Promise<AppRecord> {
    const { insertId } = await this.#tx
      .insertInto('apps')
      .values({
        guid: randomUUID(),
        name: app.name,
        space_id: this.#spaceId,
        framework: app.framework,
        runtime: app.runtime,
        command: app.command,
        stack: 'linux',
        memory_mb: app.memoryMb,
        disk_mb: app.diskMb,
        fds: app.fds,
        instances: app.instances,
        state: app.state,
        package_state: 'PENDING',
        version: randomUUID(),
        env_json: JSON.stringify(app.env),
        debug: app.debug,
        console: app.console ? 1 : 0,
        meta_version: 1,
        created_at: this.#now,
        updated_at: this.#now,
      })
      .executeTakeFirstOrThrow();
    return this.#byId(Number(insertId));
  }

  async update(id: number, change: AppChange): Promise<AppRecord> {
    await this.#tx
      .updateTable('apps')
      .set({ ...toColumns(change), updated_at: this.#now })
      .where('id', '=', id)
      .execute();
    return this.#byId(id);
  }

  async setRoutes(id: number, routes: readonly RouteName[]): Promise<AppRecord> {
    await replaceRoutes(this.#tx, { id, spaceId: this.#spaceId }, routes, this.#now);
    return this.#byId(id);
  }

  /** Has the next start or update stage the app anew; what runs is left alone. */
  async markForRestaging(id: number): Promise<void> {
    await this.#tx
      .updateTable('apps')
      .set({ stale_droplet: 1, updated_at: this.#now })
      .where('id', '=', id)
      .where('droplet_hash', 'is not', null)
      .execute();
  }

  byId(id: number): Promise<AppRecord | undefined> {
    return this.#find(id);
  }

  async byGuid(guid: string): Promise<AppRecord | undefined> {
    const rows = await selectApps(this.#tx)
      .where('apps.guid', '=', guid)
      .where('apps.space_id', '=', this.#spaceId)
      .execute();
    return (await toRecords(this.#tx, rows))[0];
  }

  async remove(id: number): Promise<void> {
    await this.#tx.deleteFrom('apps').where('id', '=', id).execute();
    await removeUnmapped(this.#tx, this.#spaceId);
  }

  async #find(id: number): Promise<AppRecord | undefined> {
    const rows = await selectApps(this.#tx)
      .where('apps.id', '=', id)
      .where('apps.space_id', '=', this.#spaceId)
      .execute();
    return (await toRecords(this.#tx, rows))[0];
  }

  async #byId(id: number): Promise<AppRecord> {
    const record = await this.#find(id);
    if (!record) throw new Error(`app row ${id} vanished inside its transaction`);
    return record;
  }
}

/** Apps outside of transactions, and the way into one. */
export class Apps implements Pick<AppStore, 'byGuid' | 'update' | 'finishStaging'> {
  readonly #database: Database;
  readonly #services: ServiceStore;

  constructor(database: Database, services: ServiceStore) {
    this.#database = database;
    this.#services = services;
  }

  async byGuid(guid: string): Promise<AppRecord | undefined> {
    const rows = await selectApps(this.#database.db).where('apps.guid', '=', guid).execute();
    return (await toRecords(this.#database.db, rows))[0];
  }

  byName(spaceId: number, name: string): Promise<AppRecord | undefined> {
    return findByName(this.#database.db, spaceId, name);
  }

  async listSpace(spaceId: number): Promise<AppRecord[]> {
    const rows = await selectApps(this.#database.db)
      .where('apps.space_id', '=', spaceId)
      .orderBy('apps.name')
      .execute();
    return toRecords(this.#database.db, rows);
  }

  usage(spaceId: number): Promise<Usage> {
    return spaceUsage(this.#database.db, spaceId);
  }

  /** The next apps in order of row id, for the bulk API; `lastId` is null when there are none. */
  async page(afterId: number, limit: number): Promise<{ apps: AppRecord[]; lastId: number | null }> {
    const rows = await selectApps(this.#database.db)
      .where('apps.id', '>', afterId)
      .orderBy('apps.id')
      .limit(limit)
      .execute();
    return { apps: await toRecords(this.#database.db, rows), lastId: rows.at(-1)?.id ?? null };
  }

  /** Started apps whose staging nobody vouches for any more. */
  async orphanedStagings(): Promise<AppRecord[]> {
    const rows = await selectApps(this.#database.db)
      .where('apps.state', '=', 'STARTED')
      .where('apps.package_state', '=', 'PENDING')
      .where('apps.staging_lease_until', '>', 0)
      .where('apps.staging_lease_until', '<', this.#database.clock.now())
      .execute();
    return toRecords(this.#database.db, rows);
  }

  /** Changes the app if it is still as `orphanedStagings` told it: of two controllers one succeeds. */
  async endOrphanedStaging(app: AppRecord, change: AppChange): Promise<boolean> {
    const { numUpdatedRows } = await this.#database.db
      .updateTable('apps')
      .set({ ...toColumns({ ...change, stagingLeaseUntil: 0 }), updated_at: this.#database.clock.now() })
      .where('id', '=', app.id)
      .where('version', '=', app.version)
      .where('state', '=', 'STARTED')
      .where('package_state', '=', 'PENDING')
      .where('staging_lease_until', '=', app.stagingLeaseUntil)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Runs `work` on the space, one at a time for its organization over all controllers. */
  inSpace<T>(
    owner: { organizationId: number; spaceId: number },
    work: (space: SpaceApps) => Promise<T>,
  ): Promise<T> {
    return inTransaction(this.#database, async (tx) => {
      await tx
        .updateTable('organizations')
        .set((e) => ({ lock_counter: e('lock_counter', '+', 1) }))
        .where('id', '=', owner.organizationId)
        .execute();
      return work(new SpaceApps(tx, this.#services, owner.spaceId, this.#database.clock.now()));
    });
  }

  async update(guid: string, change: AppChange): Promise<AppRecord | undefined> {
    await this.#database.db
      .updateTable('apps')
      .set({ ...toColumns(change), updated_at: this.#database.clock.now() })
      .where('guid', '=', guid)
      .execute();
    return this.byGuid(guid);
  }

  /** Changes the app only while it still is at `version`: a later start or stop has its own say. */
  async updateAtVersion(guid: string, version: string, change: AppChange): Promise<boolean> {
    const result = await this.#database.db
      .updateTable('apps')
      .set({ ...toColumns(change), updated_at: this.#database.clock.now() })
      .where('guid', '=', guid)
      .where('version', '=', version)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /** Puts off the end of what a controller at work holds; the app counts as unchanged. */
  async renewLeases(
    guid: string,
    version: string,
    until: { staging: number; replacing: number },
  ): Promise<void> {
    await this.#database.db
      .updateTable('apps')
      .set({ staging_lease_until: until.staging, replacing_until: until.replacing })
      .where('guid', '=', guid)
      .where('version', '=', version)
      .where('state', '=', 'STARTED')
      .execute();
  }

  async finishStaging(
    guid: string,
    taskId: string,
    result: Parameters<AppStore['finishStaging']>[2],
  ): Promise<boolean> {
    const change: AppChange = result.ok
      ? {
          packageState: 'STAGED',
          dropletHash: result.dropletHash,
          detectedStartCommand: result.detectedStartCommand,
          staleDroplet: false,
          stagingLeaseUntil: 0,
        }
      : { packageState: result.keepPending ? 'PENDING' : 'FAILED', stagingLeaseUntil: 0 };
    const { numUpdatedRows } = await this.#database.db
      .updateTable('apps')
      .set({ ...toColumns(change), updated_at: this.#database.clock.now() })
      .where('guid', '=', guid)
      .where('staging_task_id', '=', taskId)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }
}

async function findByName(db: Queryable, spaceId: number, name: string): Promise<AppRecord | undefined> {
  const rows = await selectApps(db)
    .where('apps.space_id', '=', spaceId)
    .where('apps.name', '=', name)
    .execute();
  return (await toRecords(db, rows))[0];
}

async function spaceUsage(db: Queryable, spaceId: number): Promise<Usage> {
  const rows = await db
    .selectFrom('apps')
    .select(['state', 'memory_mb', 'instances'])
    .where('space_id', '=', spaceId)
    .execute();
  const started = rows.filter((row) => row.state === 'STARTED');
  return {
    memoryMb: started.reduce((sum, row) => sum + row.memory_mb * row.instances, 0),
    startedApps: started.length,
    apps: rows.length,
  };
}
