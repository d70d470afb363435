import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue } from 'node:sqlite';
import { CompiledQuery, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely';
import type { Clock } from '@vcap/clock';

/** How long a statement waits for another process that holds the write lock. */
const BUSY_LIMIT_MS = 15_000;
const BUSY_PAUSE_MS = 10;
const SQLITE_BUSY = 5;

/** Migrations run inside one transaction, so that two controllers starting together do them once. */
class TransactionalDdlAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class NodeSqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;
  readonly #clock: Clock;

  constructor(database: DatabaseSync, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Waits with a timer, not inside SQLite: the holder of the lock may live in this very process. */
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const giveUpAt = this.#clock.monotonic() + BUSY_LIMIT_MS;
    for (;;) {
      try {
        return this.#run<R>(query);
      } catch (error) {
        if (!isBusy(error) || this.#clock.monotonic() > giveUpAt) throw error;
        await this.#clock.sleep(BUSY_PAUSE_MS);
      }
    }
  }

  // eslint-disable-next-line require-yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('streaming is not used with SQLite');
  }

  #run<R>(query: CompiledQuery): QueryResult<R> {
    const statement = this.#database.prepare(query.sql);
    const parameters = query.parameters as SQLInputValue[];
    if (statement.columns().length > 0) return { rows: statement.all(...parameters) as R[] };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }
}

class NodeSqliteDriver implements Driver {
  readonly #path: string;
  readonly #clock: Clock;
  #database: DatabaseSync | undefined;
  #connection: NodeSqliteConnection | undefined;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  async init(): Promise<void> {
    this.#database = new DatabaseSync(this.#path, { timeout: 0 });
    this.#connection = new NodeSqliteConnection(this.#database, this.#clock);
    for (const pragma of ['journal_mode = wal', 'foreign_keys = on', 'synchronous = normal'])
      await this.#connection.executeQuery(CompiledQuery.raw(`pragma ${pragma}`));
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    if (!this.#connection) throw new Error('the database is not open');
    return this.#connection;
  }

  /** Takes the write lock at once: a transaction that reads first and writes later could not get it any more. */
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#database?.close();
  }
}

/** Kysely over Node's own SQLite: one connection, write-ahead log, several processes may share the file. */
export function sqliteDialect(path: string, clock: Clock): Dialect {
  return {
    createAdapter: () => new TransactionalDdlAdapter(),
    createDriver: () => new NodeSqliteDriver(path, clock),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode;
  return code !== undefined && (code & 0xff) === SQLITE_BUSY;
}
