import { createPool } from 'mysql2';
import type { ConnectionOptions, Pool, PoolConnection, RowDataPacket } from 'mysql2';
import type { Clock } from '@vcap/clock';
import { DeadlineError, withDeadline } from '@vcap/clock';
import { ServiceError } from '@vcap/service-base';
import { mysqlErrors } from '../domain/errors.ts';
import { sql } from '../sql/quote.ts';
import type { Statement } from '../sql/quote.ts';
import { flavourOf } from './flavour.ts';
import type { Flavour } from './flavour.ts';
import type { SessionSlots } from './session-slots.ts';

export type Value = string | number | null;
export interface DbServerOptions {
  version: string;
  /** Address, account and TLS. */
  connection: ConnectionOptions;
  pool: { min: number; max: number };
  waitMs: number;
  clock: Clock;
  slots: SessionSlots;
}

/** One connection in the hands of one piece of work. */
export interface Session {
  run(statement: Statement, values?: readonly Value[]): Promise<void>;
  rows<T>(statement: Statement, values?: readonly Value[]): Promise<T[]>;
}

/** A statement that takes longer is given up together with its connection; its outcome is then unknown. */
const STATEMENT_LIMIT_MS = 60_000;
const CONNECTION_CODES =
  /^(PROTOCOL_|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|ER_SERVER_SHUTDOWN|ER_CON_COUNT)/;

/** One database server: a pool of management connections and what kind of server it is. */
export class DbServer implements Session {
  readonly version: string;
  readonly #options: DbServerOptions;
  #pool: Pool | undefined;
  #flavour: Flavour | undefined;
  /** Whether it answered the last time it was asked. */
  answering = false;

  constructor(options: DbServerOptions) {
    this.version = options.version;
    this.#options = options;
  }

  get flavour(): Flavour {
    if (!this.#flavour) throw new Error('the server is not started');
    return this.#flavour;
  }

  /** What a connection of someone else to the same server needs besides user and password. */
  get address(): ConnectionOptions {
    const { user: _user, password: _password, ...address } = this.#options.connection;
    return address;
  }

  async start(): Promise<void> {
    const probe = this.#open({ min: 1, max: 1 }, []);
    try {
      this.#pool = probe;
      const rows = await this.rows<{ version: string }>(sql`SELECT VERSION() AS version`);
      this.#flavour = flavourOf(rows[0]?.version ?? '');
      await this.#options.slots.endFormer(this);
    } finally {
      this.#pool = undefined;
      await closed(probe);
    }
    this.#pool = this.#open(this.#options.pool, this.#flavour.setUp);
    this.answering = true;
  }

  async stop(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    if (pool) await closed(pool);
  }

  run(statement: Statement, values: readonly Value[] = []): Promise<void> {
    return this.session((session) => session.run(statement, values));
  }

  rows<T>(statement: Statement, values: readonly Value[] = []): Promise<T[]> {
    return this.session((session) => session.rows<T>(statement, values));
  }

  /** For statements that belong on one connection. It is not reused when any of them failed in an unclear way. */
  async session<R>(work: (session: Session) => Promise<R>, options: { fresh?: boolean } = {}): Promise<R> {
    const connection = await this.#connection();
    let reusable = false;
    try {
      const result = await work(sessionOf(connection, this.#options.clock));
      reusable = options.fresh !== true;
      this.answering = true;
      return result;
    } catch (error) {
      reusable = options.fresh !== true && isAnswer(error);
      throw isConnectionLoss(error)
        ? new ServiceError(mysqlErrors.serverAway, codeOf(error), { cause: error })
        : error;
    } finally {
      if (reusable) connection.release();
      else connection.destroy();
    }
  }

  async ping(): Promise<void> {
    try {
      await this.rows(sql`SELECT 1`);
    } catch (error) {
      this.answering = false;
      throw error;
    }
  }

  /** Connections open, in use and waited for. */
  usage(): { size: number; idle: number; waiting: number } {
    const pool = this.#pool as unknown as
      Record<'_allConnections' | '_freeConnections' | '_connectionQueue', { length: number }> | undefined;
    return {
      size: pool?._allConnections.length ?? 0,
      idle: pool?._freeConnections.length ?? 0,
      waiting: pool?._connectionQueue.length ?? 0,
    };
  }

  async #connection(): Promise<PoolConnection> {
    const { clock, waitMs } = this.#options;
    const pool = this.#pool;
    if (!pool) throw new ServiceError(mysqlErrors.serverAway, 'not connected');
    let late = false;
    const opening = new Promise<PoolConnection>((resolve, reject) => {
      pool.getConnection((error, connection) => {
        if (error) reject(error);
        else if (late) connection.release();
        else resolve(connection);
      });
    });
    opening.catch(() => undefined);
    try {
      return await withDeadline(clock, waitMs, 'waiting for a connection', opening);
    } catch (error) {
      late = true;
      this.answering = false;
      throw new ServiceError(mysqlErrors.serverAway, codeOf(error), { cause: error });
    }
  }

  #open(size: { min: number; max: number }, setUp: Statement[]): Pool {
    const pool = createPool({
      ...this.#options.connection,
      connectionLimit: Math.max(size.min, size.max),
      maxIdle: size.min,
      idleTimeout: 300_000,
      connectTimeout: this.#options.waitMs,
      charset: 'utf8mb4',
      timezone: 'Z',
      multipleStatements: false,
      enableKeepAlive: true,
      // No LOAD DATA LOCAL: a server must not be able to ask for files of this machine.
      flags: ['-LOCAL_FILES'],
    });
    pool.on('connection', (connection) => {
      for (const statement of setUp) connection.query(statement.text, ignoreResult);
      if (setUp.length > 0) this.#options.slots.mark(connection);
    });
    return pool;
  }
}

/** What fails here fails again, and is told, at the first use of the connection. */
function ignoreResult(): void {}

function sessionOf(connection: PoolConnection, clock: Clock): Session {
  const send = (statement: Statement, values: readonly Value[]): Promise<unknown> => {
    const sent = new Promise((resolve, reject) => {
      const done = (error: unknown, rows: unknown): void =>
        error ? reject(error instanceof Error ? error : new Error('query failed')) : resolve(rows);
      // Values go apart from the text; what takes no values cannot be prepared on every server.
      if (values.length > 0) connection.execute(statement.text, [...values], done);
      else connection.query(statement.text, done);
    });
    // The driver's own limit leaves its timer behind when the connection breaks.
    return withDeadline(clock, STATEMENT_LIMIT_MS, 'a statement', sent);
  };
  return {
    async run(statement, values = []) {
      await send(statement, values);
    },
    async rows<T>(statement: Statement, values: readonly Value[] = []) {
      return (await send(statement, values)) as (RowDataPacket & T)[];
    },
  };
}

/** The server itself refused the statement, so the connection is as good as before. */
function isAnswer(error: unknown): boolean {
  return !isConnectionLoss(error) && (error as { errno?: unknown }).errno !== undefined;
}

export function isConnectionLoss(error: unknown): boolean {
  if (error instanceof DeadlineError) return true;
  const { code, fatal } = error as { code?: unknown; fatal?: unknown };
  return fatal === true || (typeof code === 'string' && CONNECTION_CODES.test(code));
}

/** A short word for a text to users: no addresses, no SQL. */
function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'no answer in time';
}

function closed(pool: Pool): Promise<void> {
  return new Promise((resolve) => pool.end(() => resolve()));
}

/** Whether the server said no with this number. */
export function isError(error: unknown, errno: number): boolean {
  return (error as { errno?: unknown }).errno === errno;
}
