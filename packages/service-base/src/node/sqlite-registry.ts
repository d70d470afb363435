import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import type { BindingRow, InstanceRow, Registry, RowState } from './registry.ts';
import type { Binding, Credentials, Instance } from './types.ts';

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 5000;
  CREATE TABLE IF NOT EXISTS instances (
    name TEXT PRIMARY KEY, plan TEXT NOT NULL, version TEXT NOT NULL, credentials TEXT NOT NULL,
    data TEXT NOT NULL DEFAULT '{}', state TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS bindings (
    instance TEXT NOT NULL, account TEXT NOT NULL, credentials TEXT NOT NULL, options TEXT NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (instance, account)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS bindings_by_account ON bindings (account);
`;

/** The node's memory: each row is on disk before the statement that it speaks of is run. */
export class SqliteRegistry implements Registry {
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();
  #database: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  open(): void {
    if (this.#path !== ':memory:') mkdirSync(dirname(this.#path), { recursive: true });
    this.#database = new DatabaseSync(this.#path);
    if (this.#path !== ':memory:') chmodSync(this.#path, 0o600);
    this.#database.exec(SCHEMA);
  }

  close(): void {
    this.#statements.clear();
    this.#database?.close();
    this.#database = undefined;
  }

  /** All of them, the pending ones too: each takes capacity. None before it is open. */
  count(): number {
    if (!this.#database) return 0;
    return Number(this.#sql('SELECT count(*) AS n FROM instances').get()?.['n']);
  }

  instances(): Instance[] {
    return this.instanceRows().filter(({ state }) => state === 'ready');
  }

  instance(name: string): Instance | undefined {
    const row = this.instanceRow(name);
    return row?.state === 'ready' ? row : undefined;
  }

  bindings(instance: string): Binding[] {
    return this.bindingRows(instance).filter(({ state }) => state === 'ready');
  }

  setData(name: string, data: Readonly<Record<string, unknown>>): boolean {
    const row = this.instanceRow(name);
    if (!row) return false;
    const merged = JSON.stringify({ ...row.data, ...data });
    this.#sql('UPDATE instances SET data = ? WHERE name = ?').run(merged, name);
    return true;
  }

  instanceRows(): InstanceRow[] {
    return this.#sql('SELECT * FROM instances').all().map(instanceOf);
  }

  instanceRow(name: string): InstanceRow | undefined {
    const row = this.#sql('SELECT * FROM instances WHERE name = ?').get(name);
    return row && instanceOf(row);
  }

  /** A pending row; throws when there is one of this name. */
  addInstance(instance: Instance): void {
    const { name, plan, version, credentials, data } = instance;
    this.#sql('INSERT INTO instances VALUES (?, ?, ?, ?, ?, ?)').run(
      name,
      plan,
      version,
      JSON.stringify(credentials),
      JSON.stringify(data),
      'pending',
    );
  }

  setInstanceState(name: string, state: RowState): void {
    this.#sql('UPDATE instances SET state = ? WHERE name = ?').run(state, name);
  }

  /** Takes its bindings along. */
  removeInstance(name: string): void {
    this.#sql('DELETE FROM bindings WHERE instance = ?').run(name);
    this.#sql('DELETE FROM instances WHERE name = ?').run(name);
  }

  allBindingRows(): BindingRow[] {
    return this.#sql('SELECT * FROM bindings').all().map(bindingOf);
  }

  bindingRows(instance: string): BindingRow[] {
    return this.#sql('SELECT * FROM bindings WHERE instance = ?').all(instance).map(bindingOf);
  }

  bindingRow(instance: string, account: string): BindingRow | undefined {
    const row = this.#sql('SELECT * FROM bindings WHERE instance = ? AND account = ?').get(instance, account);
    return row && bindingOf(row);
  }

  /** Whose account it is, whatever the instance. */
  ownerOf(account: string): string | undefined {
    return this.#sql('SELECT instance FROM bindings WHERE account = ?').get(account)?.['instance'] as
      string | undefined;
  }

  /** A pending row; throws when there is one. */
  addBinding(binding: Binding, account: string): void {
    const { instance, credentials, options } = binding;
    this.#sql('INSERT INTO bindings VALUES (?, ?, ?, ?, ?)').run(
      instance,
      account,
      JSON.stringify(credentials),
      JSON.stringify(options),
      'pending',
    );
  }

  setBindingState(instance: string, account: string, state: RowState): void {
    this.#sql('UPDATE bindings SET state = ? WHERE instance = ? AND account = ?').run(
      state,
      instance,
      account,
    );
  }

  removeBinding(instance: string, account: string): void {
    this.#sql('DELETE FROM bindings WHERE instance = ? AND account = ?').run(instance, account);
  }

  #sql(text: string): StatementSync {
    if (!this.#database) throw new Error('the registry is not open');
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

type Raw = Record<string, unknown>;

function instanceOf(raw: Raw): InstanceRow {
  return {
    name: raw['name'] as string,
    plan: raw['plan'] as string,
    version: raw['version'] as string,
    credentials: JSON.parse(raw['credentials'] as string) as Credentials,
    data: JSON.parse(raw['data'] as string) as Record<string, unknown>,
    state: raw['state'] as RowState,
  };
}

function bindingOf(raw: Raw): BindingRow {
  return {
    instance: raw['instance'] as string,
    account: raw['account'] as string,
    credentials: JSON.parse(raw['credentials'] as string) as Credentials,
    options: JSON.parse(raw['options'] as string) as Record<string, unknown>,
    state: raw['state'] as RowState,
  };
}
