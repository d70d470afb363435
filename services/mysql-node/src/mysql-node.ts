import type { Readable, Writable } from 'node:stream';
import { dirname, join } from 'node:path';
import type { Clock } from '@vcap/clock';
import type { Logger } from '@vcap/component';
import { AlreadyExistsError, Node } from '@vcap/service-base';
import type {
  Binding,
  Credentials,
  Instance,
  InstanceRef,
  InstanceRequest,
  JobWork,
  Registry,
  ServiceError,
  Work,
} from '@vcap/service-base';
import * as accounts from './accounts/accounts.ts';
import { dropAccounts, dropInstance } from './accounts/drop.ts';
import { versionsOf } from './config.ts';
import type { Config } from './config.ts';
import { makeCredentials } from './credentials.ts';
import { Daemons } from './daemons/daemons.ts';
import { mysqlErrors, notFound } from './domain/errors.ts';
import { isInstanceName, isUserName } from './domain/names.ts';
import { dataOf, ownPassword, ownUser } from './instance-data.ts';
import { isError } from './server/db-server.ts';
import type { DbServer } from './server/db-server.ts';
import { Servers } from './server/servers.ts';
import type { ManagedServer } from './server/servers.ts';
import { killSessionsOf } from './server/sessions.ts';
import { ident, sql } from './sql/quote.ts';
import { adoptObjects } from './transfer/adopt-objects.ts';
import { dumpSchema } from './transfer/dump.ts';
import { WorkDir } from './transfer/option-file.ts';
import { DataReplacement } from './transfer/replace-data.ts';

const ER_DB_CREATE_EXISTS = 1007;
const ER_CANNOT_USER = 1396;

/** MySQL or MariaDB as a service: an instance is a database with an account, a binding one more account on it. */
export class MysqlNode extends Node {
  readonly versions: readonly string[];
  override readonly dumpSuffix = '.sql';
  readonly #config: Config;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #servers: Servers;
  readonly #workDir: WorkDir;
  #running: { registry: Registry; replacement: DataReplacement; daemons: Daemons } | undefined;

  constructor(config: Config, own: { log: Logger; clock: Clock; ip: string }) {
    super();
    this.versions = versionsOf(config);
    this.#config = config;
    this.#log = own.log;
    this.#clock = own.clock;
    this.#servers = new Servers(config, own);
    this.#workDir = new WorkDir(join(config.base_dir ?? dirname(config.local_db), `${config.node_id}-work`));
  }

  override async start(registry: Registry): Promise<void> {
    const [log, clock, config] = [this.#log, this.#clock, this.#config];
    await this.#workDir.start();
    await this.#servers.start();
    const limitBytes = config.max_db_size * 2 ** 20;
    const replacement = new DataReplacement({ registry, workDir: this.#workDir, limitBytes, clock, log });
    const daemons = new Daemons({ registry, replacement, servers: this.#servers, config, clock, log });
    this.#running = { registry, replacement, daemons };
    await daemons.start();
  }

  override async stop(): Promise<void> {
    await this.#running?.daemons.stop();
    this.#running = undefined;
    await this.#servers.stop();
  }

  override ready(): boolean {
    return this.#servers.all().every(({ db }) => db.answering);
  }

  /** Where the servers are, for tenants. */
  addresses(): { version: string; host: string; port: number }[] {
    return this.#servers
      .all()
      .map(({ db, publicHost, publicPort }) => ({ version: db.version, host: publicHost, port: publicPort }));
  }

  override isInstanceName(name: string): boolean {
    return isInstanceName(name);
  }

  newInstance({ version, given }: InstanceRequest): Credentials {
    return makeCredentials(this.#servers.of(version), given?.name, given);
  }

  newBinding(
    { name, version }: Instance,
    _options: Readonly<Record<string, unknown>>,
    given?: Credentials,
  ): Credentials {
    return makeCredentials(this.#servers.of(version), name, given);
  }

  async exists(instance: Instance): Promise<boolean> {
    const { db } = this.#servers.of(instance.version);
    if (await accounts.schemaExists(db, instance.name)) return true;
    return (await accounts.userHosts(db, ownUser(instance))).length > 0;
  }

  async provision(instance: Instance, work: Work): Promise<void> {
    const server = this.#servers.of(instance.version);
    const { db } = server;
    const [schema, user] = [ident(instance.name), ownUser(instance)];
    work.step('create-database');
    try {
      await db.run(sql`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
    } catch (error) {
      if (isError(error, ER_DB_CREATE_EXISTS)) throw new AlreadyExistsError(`database ${instance.name}`);
      throw error;
    }
    work.step('create-user');
    try {
      await accounts.createAccount(db, this.#settings(server, user, ownPassword(instance)));
    } catch (error) {
      if (!isError(error, ER_CANNOT_USER)) throw error;
      await db.run(sql`DROP DATABASE IF EXISTS ${schema}`);
      throw new AlreadyExistsError(`user of ${instance.name}`);
    }
    work.step('grant');
    await accounts.grant(db, instance.name, user, false);
    work.step('granted');
  }

  async unprovision(ref: InstanceRef, work: Work): Promise<void> {
    const servers = ref.version === undefined ? this.#servers.all() : [this.#servers.of(ref.version)];
    const own = ref.credentials ? ownUser({ credentials: ref.credentials }) : undefined;
    for (const { db } of servers) await dropInstance(db, ref.name, own, (name) => work.step(name), this.#log);
  }

  async bind(instance: Instance, { credentials }: Binding, work: Work): Promise<void> {
    const server = this.#servers.of(instance.version);
    const { db } = server;
    const settings = this.#settings(server, ownUser({ credentials }), ownPassword({ credentials }));
    const { user } = settings;
    const hosts = await accounts.userHosts(db, user);
    const others = hosts.length > 0 ? await accounts.schemasOf(db, user) : [];
    if (others.some((schema) => schema !== instance.name)) throw new AlreadyExistsError(`account ${user}`);
    work.step('create-user');
    if (hosts.includes('%')) await accounts.resetAccount(db, settings);
    else await accounts.createAccount(db, settings);
    work.step('grant');
    await this.#grantByQuota(db, instance.name, user, work);
    if (this.#data(instance).disabled) {
      work.step('lock');
      await accounts.setLocked(db, [{ user, host: '%', db: instance.name }], true);
    }
  }

  async unbind(binding: Binding, work: Work): Promise<void> {
    const user = this.accountOf(binding.credentials);
    // Not a name that this node gives: there is no such account, and none of that name is ours to drop.
    if (!isUserName(user)) return;
    const instance = this.#running?.registry.instance(binding.instance);
    const servers = instance ? [this.#servers.of(instance.version)] : this.#servers.all();
    for (const { db } of servers) {
      await dropAccounts(
        db,
        [user],
        binding.instance,
        (name) => work.step(name),
        async () => {
          if (!instance || !this.#running) return;
          work.step('adopt-objects');
          await adoptObjects(db, instance, user, this.#running.registry, this.#log);
        },
      );
    }
  }

  override async listInstances(): Promise<string[]> {
    const found: string[] = [];
    for (const { db } of this.#servers.all()) {
      const rows = await db.rows<{ name: string }>(
        sql`SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'd%'`,
      );
      found.push(...rows.map(({ name }) => name).filter(isInstanceName));
    }
    return found;
  }

  override async listBindings(): Promise<Credentials[]> {
    const found: Credentials[] = [];
    for (const { db } of this.#servers.all()) {
      for (const each of await accounts.allAccounts(db))
        found.push({ name: each.db, user: each.user, username: each.user });
    }
    return found;
  }

  override dump(instance: Instance, to: Writable, work: JobWork): Promise<void> {
    const server = this.#servers.of(instance.version);
    return dumpSchema(server, this.#workDir, instance.name, to, work.signal);
  }

  override async load(instance: Instance, from: Readable, work: JobWork): Promise<void> {
    if (!this.#running) throw new Error('the node is not started');
    await this.#running.replacement.load(this.#servers.of(instance.version), instance, from, work);
  }

  override async disable(instance: Instance, _bindings: readonly Binding[], work: Work): Promise<void> {
    const { db } = this.#servers.of(instance.version);
    this.#running?.registry.setData(instance.name, { disabled: true });
    const all = await accounts.accountsOn(db, instance.name);
    work.step('lock-accounts');
    await accounts.setLocked(db, all, true);
    work.step('kill-sessions');
    await killSessionsOf(db, new Set(all.map(({ user }) => user)));
  }

  override async enable(instance: Instance, bindings: readonly Binding[], work: Work): Promise<void> {
    const { db } = this.#servers.of(instance.version);
    this.#running?.registry.setData(instance.name, { disabled: false });
    for (const binding of bindings) await this.bind(instance, binding, work);
    work.step('unlock-accounts');
    await accounts.setLocked(db, await accounts.accountsOn(db, instance.name), false);
  }

  override async varz(): Promise<Record<string, unknown>> {
    return (await this.#running?.daemons.varz()) ?? {};
  }

  override instanceNotFound(name: string): ServiceError {
    return notFound(mysqlErrors.instanceNotFound, name);
  }

  override bindingNotFound(account: string): ServiceError {
    return notFound(mysqlErrors.bindingNotFound, account);
  }

  /** The quota may change while the account is being made: granted anew until both agree. */
  async #grantByQuota(db: DbServer, name: string, user: string, work: Work): Promise<void> {
    const isSuspended = (): boolean => {
      const instance = this.#running?.registry.instance(name);
      return instance !== undefined && dataOf(instance).quota_exceeded;
    };
    for (;;) {
      const suspended = isSuspended();
      await accounts.grant(db, name, user, suspended);
      work.step('granted');
      if (isSuspended() === suspended) return;
    }
  }

  #data(instance: Instance): ReturnType<typeof dataOf> {
    return dataOf(this.#running?.registry.instance(instance.name) ?? instance);
  }

  #settings(server: ManagedServer, user: string, password: string): accounts.AccountSettings {
    const requireTls = server.settings.tls?.require ?? false;
    return { user, password, maxConnections: this.#config.max_user_conns, requireTls };
  }
}
