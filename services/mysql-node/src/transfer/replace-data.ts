import type { Readable } from 'node:stream';
import type { Clock } from '@vcap/clock';
import type { Logger } from '@vcap/component';
import { ServiceError } from '@vcap/service-base';
import type { Instance, JobWork, Registry } from '@vcap/service-base';
import { accountsOn, createAccount, dropUser, grant, schemaExists, setLocked } from '../accounts/accounts.ts';
import { mysqlErrors } from '../domain/errors.ts';
import { loaderName, newPassword, replacedName, scratchName } from '../domain/names.ts';
import { dataOf, ownUser } from '../instance-data.ts';
import type { DbServer } from '../server/db-server.ts';
import type { ManagedServer } from '../server/servers.ts';
import { killSessionsOf } from '../server/sessions.ts';
import { fileSizes, tableFigures } from '../server/sizes.ts';
import { catalogName, dotted, ident, list, renamed, sql } from '../sql/quote.ts';
import type { Quoted } from '../sql/quote.ts';
import { loadSchema } from './load.ts';
import type { WorkDir } from './option-file.ts';
import { createObjects, dropObjects, names, readObjects } from './schema-objects.ts';

/** Moves to the replaced data's schema with the one statement that swaps: where it is tells whether that was done. */
const MARKER = '__vcap_swap__';
const WATCH_MS = 500;
type Step = (name: string) => void;

/**
 * Replaces an instance's data by a dump. The dump is loaded beside the data; then all tables change places in one
 * statement, for the moment of which the accounts are locked. Whatever fails before that leaves the old data; from
 * then on the replacement is completed, by the next start if need be.
 */
export class DataReplacement {
  readonly #own: { registry: Registry; workDir: WorkDir; limitBytes: number; clock: Clock; log: Logger };
  readonly #active = new Set<string>();

  constructor(own: { registry: Registry; workDir: WorkDir; limitBytes: number; clock: Clock; log: Logger }) {
    this.#own = own;
  }

  async load(server: ManagedServer, instance: Instance, from: Readable, work: JobWork): Promise<void> {
    const { registry } = this.#own;
    const { name } = instance;
    this.#active.add(name);
    try {
      await this.#settle(server.db, instance);
      registry.setData(name, { load: { phase: 'loading' } });
      try {
        await this.#loadBeside(server, name, from, work);
        work.progress('putting the new data in place', 90);
        const objects = await readObjects(server.db, scratchName(name));
        await server.db.run(
          sql`CREATE TABLE ${dotted(ident(scratchName(name)), catalogName(MARKER))} (n INT)`,
        );
        work.step('swap-intent');
        registry.setData(name, { load: { phase: 'swapping', objects } });
      } catch (error) {
        await this.#forget(server.db, name);
        throw error;
      }
      // From here on it is done to the end, also when nobody waits any more.
      await this.#complete(server.db, instance, (step) => unlessAborted(work, step));
    } finally {
      this.#active.delete(name);
    }
  }

  /** Completes or forgets what a crash or an unreachable server interrupted. */
  async repair(db: DbServer, instance: Instance): Promise<void> {
    if (this.#active.has(instance.name)) return;
    this.#active.add(instance.name);
    try {
      await this.#settle(db, instance);
    } finally {
      this.#active.delete(instance.name);
    }
  }

  async #settle(db: DbServer, instance: Instance): Promise<void> {
    const { load } = dataOf(this.#own.registry.instance(instance.name) ?? instance);
    if (load?.phase === 'loading' || load?.phase === 'swapped') await this.#forget(db, instance.name);
    if (load?.phase === 'swapping') await this.#complete(db, instance, () => undefined);
  }

  async #loadBeside(server: ManagedServer, name: string, from: Readable, work: JobWork): Promise<void> {
    const { db } = server;
    const [schema, user, password] = [scratchName(name), loaderName(name), newPassword()];
    await dropScratch(db, name, (step) => work.step(step));
    work.step('create-scratch');
    await db.run(sql`CREATE DATABASE ${ident(schema)} CHARACTER SET utf8mb4`);
    work.step('create-loader');
    const requireTls = server.settings.tls?.require ?? false;
    await createAccount(db, { user, password, maxConnections: 2, requireTls });
    work.step('grant-loader');
    await grant(db, schema, user, false);
    work.step('load');
    work.progress('loading', 10);
    const tooLarge = new AbortController();
    const watch = this.#own.clock.setInterval(() => {
      void this.#tooLarge(db, schema, false).then(
        (yes) => yes && tooLarge.abort(),
        () => undefined,
      );
    }, WATCH_MS);
    try {
      const signal = AbortSignal.any([work.signal, tooLarge.signal]);
      await loadSchema(server, this.#own.workDir, { schema, user, password }, from, signal);
      if (await this.#tooLarge(db, schema, true)) tooLarge.abort();
    } catch (error) {
      if (!tooLarge.signal.aborted) throw error;
    } finally {
      watch.cancel();
    }
    if (tooLarge.signal.aborted)
      throw new ServiceError(mysqlErrors.diskFull, `${this.#own.limitBytes / 2 ** 20} MB`);
  }

  async #tooLarge(db: DbServer, schema: string, exactly: boolean): Promise<boolean> {
    const files = (await fileSizes(db)).get(schema) ?? 0;
    const figures = exactly ? await tableFigures(db, schema) : undefined;
    return files - (figures?.freeBytes ?? 0) + (figures?.otherBytes ?? 0) > this.#own.limitBytes;
  }

  async #forget(db: DbServer, name: string): Promise<void> {
    await dropScratch(db, name, () => undefined);
    this.#own.registry.setData(name, { load: null });
  }

  async #complete(db: DbServer, instance: Instance, step: Step): Promise<void> {
    const { registry, log } = this.#own;
    const { name } = instance;
    const { load, disabled } = dataOf(registry.instance(name) ?? instance);
    if (load?.phase !== 'swapping') return;
    const accounts = await accountsOn(db, name);
    step('lock-accounts');
    await setLocked(db, accounts, true);
    step('kill-sessions');
    await killSessionsOf(db, new Set(accounts.map(({ user }) => user)));
    if (!(await tables(db, replacedName(name))).includes(MARKER)) await swap(db, name, step);
    step('create-objects');
    await dropObjects(db, name, await names(db, name));
    const refused = await createObjects(db, name, load.objects, ownUser(instance));
    for (const { name: object, error: err } of refused)
      log.warn({ event: 'mysql-object-not-restored', instance: name, object, err });
    step('unlock-accounts');
    if (!disabled) await setLocked(db, accounts, false);
    // The marker goes with the replaced data: what comes after this must not look for it.
    registry.setData(name, { load: { phase: 'swapped' } });
    await dropScratch(db, name, step);
    registry.setData(name, { load: null });
  }
}

/** All tables of the instance go to the schema of the replaced data, and those of the scratch schema take their place. */
async function swap(db: DbServer, name: string, step: Step): Promise<void> {
  const [scratch, replaced] = [scratchName(name), replacedName(name)];
  for (const schema of [name, scratch]) {
    step('drop-objects');
    await dropObjects(db, schema, await names(db, schema));
  }
  step('create-replaced');
  await db.run(sql`CREATE DATABASE IF NOT EXISTS ${ident(replaced)} CHARACTER SET utf8mb4`);
  const move = (table: string, from: string, to: string): Quoted =>
    renamed(dotted(ident(from), catalogName(table)), dotted(ident(to), catalogName(table)));
  const moves = [
    ...(await tables(db, name)).map((table) => move(table, name, replaced)),
    ...(await tables(db, scratch)).map((table) => move(table, scratch, table === MARKER ? replaced : name)),
  ];
  step('rename-tables');
  await db.run(sql`RENAME TABLE ${list(moves)}`);
}

async function tables(db: DbServer, schema: string): Promise<string[]> {
  const rows = await db.rows<{ name: string }>(
    sql`SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE NOT LIKE '%VIEW'`,
    [schema],
  );
  return rows.map((row) => row.name);
}

async function dropScratch(db: DbServer, name: string, step: Step): Promise<void> {
  for (const schema of [replacedName(name), scratchName(name)]) {
    if (!(await schemaExists(db, schema))) continue;
    step('drop-scratch');
    await db.run(sql`DROP DATABASE IF EXISTS ${ident(schema)}`);
  }
  step('drop-loader');
  await dropUser(db, loaderName(name));
}

function unlessAborted(work: JobWork, name: string): void {
  try {
    work.step(name);
  } catch (error) {
    if (!work.signal.aborted) throw error;
  }
}
