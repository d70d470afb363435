import { readFile } from 'node:fs/promises';
import type { Member } from '@vcap/component';
import type { Logger } from '@vcap/bus';
import type { ControllerConfig } from '../config-shape.ts';
import type { Settings } from '../settings.ts';
import type { Database } from '../db/open.ts';
import { migrate } from '../db/migrate.ts';
import { hashPassword } from '../domain/passwords.ts';
import { syncQuotas } from '../repositories/quotas.ts';
import type { Store } from '../repositories/store.ts';

/** Opens the database: tables up to date, quotas as configured, and the first administrator there. */
export class DatabaseMember implements Member {
  readonly name = 'database';
  readonly #o: {
    database: Database;
    store: Store;
    config: Pick<ControllerConfig, 'bootstrap_admin'>;
    settings: Pick<Settings, 'capacity' | 'builtinServices'>;
    log: Logger;
  };

  constructor(o: {
    database: Database;
    store: Store;
    config: Pick<ControllerConfig, 'bootstrap_admin'>;
    settings: Pick<Settings, 'capacity' | 'builtinServices'>;
    log: Logger;
  }) {
    this.#o = o;
  }

  async start(): Promise<void> {
    await migrate(this.#o.database);
    await syncQuotas(this.#o.database, this.#o.settings.capacity);
    await this.#bootstrapAdmin();
    for (const { label, provider, token } of this.#o.settings.builtinServices) {
      await this.#o.store.serviceTokens.put(label, provider, { token, brokered: false });
    }
  }

  stop(): Promise<void> {
    return this.#o.database.close();
  }

  /** A present account keeps its password: the file counts only the first time. */
  async #bootstrapAdmin(): Promise<void> {
    const { config, store, log } = this.#o;
    if (!config.bootstrap_admin) return;
    const { email, password_file: file } = config.bootstrap_admin;
    if (await store.users.byEmail(email)) return;
    const password = (await readFile(file, 'utf8')).trim();
    if (password === '') throw new Error(`bootstrap_admin.password_file ${file} is empty`);
    try {
      await store.users.create(email, await hashPassword(password), 'admin');
      log.info({ event: 'bootstrap-admin-created', email });
    } catch (error) {
      // Another controller that starts at the same time was first.
      if (!(await store.users.byEmail(email))) throw error;
    }
  }
}
