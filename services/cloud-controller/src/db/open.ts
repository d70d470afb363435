import { Kysely } from 'kysely';
import type { MysqlPool, Transaction } from 'kysely';
import type { Clock } from '@vcap/clock';
import type { Schema } from './schema.ts';
import { quietMysqlDialect } from './quiet-mysql.ts';
import { sqliteDialect } from './sqlite-dialect.ts';

export type DialectName = 'sqlite' | 'mysql';

/** Where the data is: a file of ours, or a MySQL or MariaDB server. */
export type DatabaseConfig = { dialect: 'sqlite'; path: string } | { dialect: 'mysql'; uri: string };

/** Either the whole database or a transaction of it. */
export type Queryable = Kysely<Schema> | Transaction<Schema>;

export interface Database {
  readonly db: Kysely<Schema>;
  readonly dialect: DialectName;
  readonly clock: Clock;
  close(): Promise<void>;
}

/** Opens lazily: the first statement connects. Close it to end its connections. */
export function openDatabase(config: DatabaseConfig, clock: Clock): Database {
  const dialect =
    config.dialect === 'sqlite'
      ? sqliteDialect(config.path, clock)
      : quietMysqlDialect(() => openPool(config.uri));
  const db = new Kysely<Schema>({ dialect });
  return { db, dialect: config.dialect, clock, close: () => db.destroy() };
}

/** The client is loaded where it is used: it takes 15 MB. */
async function openPool(uri: string): Promise<MysqlPool> {
  const { createPool } = await import('../later/mysql2.ts');
  return createPool({ uri, connectionLimit: 10, timezone: 'Z', charset: 'utf8mb4_bin' });
}

const TRANSACTION_ATTEMPTS = 5;

/**
 * Runs `work` in one transaction; done again when the database chose it as a deadlock's victim, so
 * `work` must have no effects outside.
 */
export async function inTransaction<T>(
  database: Database,
  work: (transaction: Transaction<Schema>) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await database.db.transaction().execute(work);
    } catch (error) {
      if (attempt >= TRANSACTION_ATTEMPTS || !isDeadlock(error)) throw error;
      await database.clock.sleep(attempt * 20);
    }
  }
}

function isDeadlock(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === 'ER_LOCK_DEADLOCK' || code === 'ER_LOCK_WAIT_TIMEOUT';
}

/** Whether the database refused a row because a unique index already holds its key. */
export function isDuplicate(error: unknown): boolean {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  return code === 'ER_DUP_ENTRY' || errcode === 2067 || errcode === 1555;
}
