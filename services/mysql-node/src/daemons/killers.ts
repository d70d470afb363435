import type { Clock } from '@vcap/clock';
import type { Logger } from '@vcap/component';
import type { DbServer } from '../server/db-server.ts';
import { killQuery, killSessions } from '../server/sessions.ts';
import { integer, sql } from '../sql/quote.ts';
import { SessionWatch } from './session-watch.ts';
import type { WatchedSession } from './session-watch.ts';

export interface KillerLimits {
  /** Seconds; 0: no limit, for all three. */
  query: number;
  transaction: number;
  /** Instead of these for what only waits for its client to read. */
  read: number;
  /** False: long transactions are only counted. */
  killTransactions: boolean;
}

/** Ends queries and transactions of tenants that take too long on one server. Nobody else's are touched. */
export class Killers {
  readonly pauseSeconds: number;
  readonly #db: DbServer;
  readonly #limits: KillerLimits;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #watch: SessionWatch;
  readonly #killed = { queries: 0, transactions: 0 };
  #openTransactions = 0;
  #readingQueries = 0;
  #readingTransactions = 0;
  #transactionsSeenMs = Number.NEGATIVE_INFINITY;

  constructor(db: DbServer, limits: KillerLimits, clock: Clock, log: Logger) {
    this.#db = db;
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
    const halves = [limits.query, limits.transaction].filter((limit) => limit > 0).map((limit) => limit / 2);
    this.pauseSeconds = Math.min(1, ...halves);
    this.#watch = new SessionWatch(db, clock, this.pauseSeconds);
  }

  /** For /varz; the last two are what is open now. */
  counts(): Record<string, number> {
    return {
      long_queries_killed: this.#killed.queries,
      long_transactions_killed: this.#killed.transactions,
      long_transactions_count: this.#openTransactions,
      long_reads_count: this.#readingQueries + this.#readingTransactions,
    };
  }

  /** To be called every `pauseSeconds`. */
  async pass(): Promise<void> {
    const sessions = await this.#watch.look();
    const { query, transaction } = this.#limits;
    if (query > 0) await this.#queries(sessions.filter(({ busy, seconds }) => busy && seconds >= query));
    const now = this.#clock.monotonic();
    if (transaction === 0 || now - this.#transactionsSeenMs < transaction * 500) return;
    this.#transactionsSeenMs = now;
    await this.#transactions(sessions);
  }

  async #queries(long: readonly WatchedSession[]): Promise<void> {
    const spared = ({ worked, seconds }: WatchedSession): boolean =>
      worked < this.#limits.query && this.#mayRead(seconds);
    this.#readingQueries = long.filter(spared).length;
    for (const { id, user, seconds, reading } of long.filter((session) => !spared(session))) {
      // A statement that waits for its client only notices that its connection ends.
      await (reading ? killSessions(this.#db, [id]) : killQuery(this.#db, id));
      this.#killed.queries++;
      this.#log.info({ event: 'long-query-killed', user, seconds });
    }
  }

  async #transactions(sessions: readonly WatchedSession[]): Promise<void> {
    const limit = this.#limits.transaction;
    type Row = Record<'id' | 'seconds' | 'changes' | 'locks', number | string>;
    const rows = await this.#db.rows<Row>(
      sql`SELECT trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, trx_started, NOW()) AS seconds,
          trx_rows_modified AS changes, trx_lock_structs AS locks
        FROM information_schema.INNODB_TRX
        WHERE trx_started < NOW() - INTERVAL ${integer(Math.ceil(limit))} SECOND`,
    );
    const byId = new Map(sessions.map((session) => [session.id, session]));
    const long = rows.flatMap((row) => {
      const session = byId.get(Number(row.id));
      return session ? [{ session, row }] : [];
    });
    // One that changed nothing keeps a dump's view of the data. The last rows of a table take their time in the network's
    // buffers, when its statement has ended; so one without locks may also rest, but not for longer than the limit.
    const spared = ({ session, row }: (typeof long)[number]): boolean => {
      const idle = Math.min(session.sinceRead, Number(row.locks) === 0 ? session.seconds : Infinity);
      return Number(row.changes) === 0 && idle < limit && this.#mayRead(Number(row.seconds));
    };
    this.#openTransactions = long.length;
    this.#readingTransactions = long.filter(spared).length;
    if (!this.#limits.killTransactions) return;
    for (const { session } of long.filter((each) => !spared(each))) {
      await killSessions(this.#db, [session.id]);
      this.#killed.transactions++;
      this.#log.info({ event: 'long-transaction-killed', user: session.user });
    }
  }

  #mayRead(seconds: number): boolean {
    return this.#limits.read === 0 || seconds < this.#limits.read;
  }
}
