import type { Clock } from '@vcap/clock';
import type { Logger } from '@vcap/component';
import type { Instance, Registry } from '@vcap/service-base';
import type { Config } from '../config.ts';
import { dataOf } from '../instance-data.ts';
import type { DbServer } from '../server/db-server.ts';
import type { Servers } from '../server/servers.ts';
import { sql } from '../sql/quote.ts';
import { finishAdoption } from '../transfer/adopt-objects.ts';
import type { DataReplacement } from '../transfer/replace-data.ts';
import { Every } from './every.ts';
import { InstanceHealth } from './health.ts';
import { Killers } from './killers.ts';
import { StorageQuota } from './storage-quota.ts';

const KEEPALIVE_MS = 5000;
const REPAIR_MS = 5000;

interface DaemonsOptions {
  registry: Registry;
  replacement: DataReplacement;
  servers: Servers;
  config: Config;
  clock: Clock;
  log: Logger;
}

/** All that goes on by itself, for each server apart, so that one that hangs keeps up none of the others. */
export class Daemons {
  readonly #options: DaemonsOptions;
  readonly #loops: Every[] = [];
  readonly #quota: StorageQuota;
  readonly #killers: Killers[] = [];
  readonly #health = new InstanceHealth();
  readonly #questions = new Map<DbServer, { count: number; at: number }>();

  constructor(options: DaemonsOptions) {
    const { registry, config, log } = options;
    this.#options = options;
    const rule = { limitBytes: config.max_db_size * 2 ** 20, resumeShare: config.quota_resume_share };
    this.#quota = new StorageQuota(registry, rule, log);
  }

  /** Ends what a crash interrupted, says what is wrong with the servers, and begins. */
  async start(): Promise<void> {
    const { servers, config, clock, log } = this.#options;
    const limits = {
      query: config.max_long_query,
      transaction: config.max_long_tx,
      read: config.max_slow_read,
      killTransactions: config.kill_long_tx,
    };
    for (const { db } of servers.all()) await this.#inspect(db);
    await this.#repair();
    for (const { db } of servers.all()) {
      this.#every('keepalive', KEEPALIVE_MS, () => db.ping());
      this.#every('storage-quota', config.quota_interval * 1000, () => this.#quota.pass(db));
      const killers = new Killers(db, limits, clock, log);
      if (limits.query > 0 || limits.transaction > 0)
        this.#every('long-queries', killers.pauseSeconds * 1000, () => killers.pass());
      this.#killers.push(killers);
    }
    this.#every('repair', REPAIR_MS, () => this.#repair());
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  async varz(): Promise<Record<string, unknown>> {
    const { servers, registry, config } = this.#options;
    const instances = registry.instances();
    const figures: Record<string, unknown> = {};
    for (const killers of this.#killers)
      for (const [name, count] of Object.entries(killers.counts()))
        figures[name] = Number(figures[name] ?? 0) + count;
    let [since, perSecond] = [0, 0];
    for (const { db } of servers.all()) {
      const rate = await this.#queries(db).catch(() => ({ since: 0, perSecond: 0 }));
      since += rate.since;
      perSecond += rate.perSecond;
    }
    figures['queries_since_startup'] = since;
    figures['queries_per_second'] = Math.round(perSecond * 100) / 100;
    figures['database_status'] = [...this.#quota.sizes.values()].flatMap((sizes) =>
      [...sizes].map(([name, size]) => ({ name, size, max_size: config.max_db_size * 2 ** 20 })),
    );
    figures['pools'] = Object.fromEntries(
      servers.all().map(({ db }) => [db.version, { ...db.usage(), answering: db.answering }]),
    );
    figures['quota_exceeded'] = instances.filter((each) => dataOf(each).quota_exceeded).length;
    const serverOf = ({ version }: Instance): DbServer => servers.of(version).db;
    figures['instances'] = await this.#health.round(instances, serverOf);
    return figures;
  }

  #every(name: string, pauseMs: number, round: () => Promise<void>): void {
    const loop = new Every(name, this.#options.clock, this.#options.log);
    loop.start(pauseMs, round);
    this.#loops.push(loop);
  }

  async #repair(): Promise<void> {
    const { registry, replacement, servers, log } = this.#options;
    for (const instance of registry.instances()) {
      if (!instance.data['load'] && !instance.data['adopting']) continue;
      const { db } = servers.of(instance.version);
      try {
        await replacement.repair(db, instance);
        await finishAdoption(db, registry.instance(instance.name) ?? instance, registry, log);
      } catch (err) {
        log.error({ event: 'mysql-repair-failed', instance: instance.name, err });
      }
    }
  }

  /** What an operator should know: an account without a name opens schemas to everybody; lost databases. */
  async #inspect(db: DbServer): Promise<void> {
    const { registry, log } = this.#options;
    const open = await db.rows<{ user: string }>(
      sql`SELECT User AS user FROM mysql.user WHERE User = '' UNION ALL SELECT User FROM mysql.db WHERE User = ''`,
    );
    if (open.length > 0) log.error({ event: 'mysql-server-has-anonymous-account', version: db.version });
    const rows = await db.rows<{ name: string }>(
      sql`SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA`,
    );
    const there = new Set(rows.map(({ name }) => name));
    for (const { name, version } of registry.instances())
      if (version === db.version && !there.has(name)) log.error({ event: 'mysql-database-lost', name });
  }

  async #queries(db: DbServer): Promise<{ since: number; perSecond: number }> {
    const rows = await db.rows<{ Value: string }>(sql`SHOW GLOBAL STATUS LIKE 'Questions'`);
    const now = { count: Number(rows[0]?.Value ?? 0), at: this.#options.clock.monotonic() };
    const before = this.#questions.get(db);
    this.#questions.set(db, now);
    const seconds = before ? (now.at - before.at) / 1000 : 0;
    const perSecond = before && seconds > 0 ? Math.max(0, now.count - before.count) / seconds : 0;
    return { since: now.count, perSecond };
  }
}
