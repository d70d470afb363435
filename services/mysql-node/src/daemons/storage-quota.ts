import type { Logger } from '@vcap/component';
import type { Instance, Registry } from '@vcap/service-base';
import { accountsOn, grant } from '../accounts/accounts.ts';
import type { AccountGrant } from '../accounts/accounts.ts';
import { quotaAction } from '../domain/quota.ts';
import type { QuotaRule } from '../domain/quota.ts';
import { dataOf } from '../instance-data.ts';
import type { DbServer } from '../server/db-server.ts';
import { killSessionsOf } from '../server/sessions.ts';
import { exactSize, fileSizes, sharedSpaceSchemas } from '../server/sizes.ts';
import { Activity } from './activity.ts';

/**
 * Takes the right to grow from instances that are over their limit and gives it back when they have shrunk well below
 * it. The files' sizes of all instances cost one query; only where it matters are the tables looked at.
 */
export class StorageQuota {
  readonly #registry: Registry;
  readonly #rule: QuotaRule;
  readonly #log: Logger;
  /** Suspended instances whose accounts this process has dealt with, and their size then. */
  readonly #enforced = new Map<string, number>();
  readonly #activity = new Activity();
  /** The last known size of every schema by server, whoever it belongs to. */
  readonly sizes = new Map<DbServer, Map<string, number>>();

  constructor(registry: Registry, rule: QuotaRule, log: Logger) {
    this.#registry = registry;
    this.#rule = rule;
    this.#log = log;
  }

  /** One look at all instances of a server. */
  async pass(db: DbServer): Promise<void> {
    const files = await fileSizes(db);
    const shared = await sharedSpaceSchemas(db);
    const instances = this.#registry.instances().filter(({ version }) => version === db.version);
    const others = await this.#activity.otherEngines(
      db,
      instances.map(({ name }) => name),
    );
    const sizes = new Map(files);
    for (const [name, bytes] of others) sizes.set(name, (sizes.get(name) ?? 0) + bytes);
    for (const instance of instances) {
      const { name } = instance;
      const suspended = dataOf(instance).quota_exceeded;
      const upper = sizes.get(name) ?? 0;
      if (!suspended && upper < this.#rule.limitBytes && !shared.has(name)) continue;
      try {
        const bytes = await exactSize(db, name, files.get(name) ?? 0, shared.has(name));
        sizes.set(name, bytes);
        await this.#judge(db, instance, bytes, suspended);
      } catch (err) {
        // One that is just being deleted, say, keeps up none of the others.
        if (!db.answering) throw err;
        this.#log.warn({ event: 'quota-not-enforced', instance: name, err });
      }
    }
    this.sizes.set(db, sizes);
  }

  async #judge(db: DbServer, instance: Instance, bytes: number, suspended: boolean): Promise<void> {
    const { name } = instance;
    const action = quotaAction({ name, bytes, suspended }, this.#rule);
    if (action === 'suspend') {
      this.#registry.setData(name, { quota_exceeded: true });
      this.#log.warn({ event: 'quota-exceeded', instance: name, bytes, limit: this.#rule.limitBytes });
    } else if (action === 'resume') {
      this.#registry.setData(name, { quota_exceeded: false });
      this.#log.info({ event: 'quota-kept-again', instance: name, bytes });
      this.#enforced.delete(name);
      await this.#apply(db, name, false);
      return;
    }
    if (action !== 'suspend' && !suspended) return;
    // A session that was being opened while its rights went may still have them: it shows by growth.
    const before = this.#enforced.get(name);
    if (before === undefined || bytes > before) {
      const accounts = await this.#apply(db, name, true);
      await killSessionsOf(db, new Set(accounts.map(({ user }) => user)));
    }
    this.#enforced.set(name, bytes);
  }

  async #apply(db: DbServer, name: string, suspended: boolean): Promise<AccountGrant[]> {
    const accounts = await accountsOn(db, name);
    for (const { user, host } of accounts) await grant(db, name, user, suspended, host);
    return accounts;
  }
}
