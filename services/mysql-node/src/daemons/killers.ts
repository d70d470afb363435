import type { Logger } from '@vcap/component';
import type { DbServer } from '../server/db-server.ts';
import { killQuery, killSessions, tenantSessions } from '../server/sessions.ts';
import { integer, sql } from '../sql/quote.ts';

/** Ends queries and transactions of tenants that take too long. Nobody else's are touched. */
export class Killers {
  readonly #log: Logger;
  readonly counts = { long_queries_killed: 0, long_transactions_killed: 0, long_transactions_count: 0 };

  constructor(log: Logger) {
    this.#log = log;
  }

  async longQueries(db: DbServer, limitSeconds: number): Promise<void> {
    const busy = (await tenantSessions(db)).filter(
      ({ command, seconds }) => ['Query', 'Execute'].includes(command) && seconds >= limitSeconds,
    );
    for (const { id, user, seconds } of busy) {
      await killQuery(db, id);
      this.counts.long_queries_killed++;
      this.#log.info({ event: 'long-query-killed', user, seconds });
    }
  }

  /** `kill` false: only counts those that are open now. */
  async longTransactions(db: DbServer, limitSeconds: number, kill: boolean): Promise<void> {
    const rows = await db.rows<{ id: number | string }>(
      sql`SELECT trx_mysql_thread_id AS id FROM information_schema.INNODB_TRX
        WHERE trx_started < NOW() - INTERVAL ${integer(Math.ceil(limitSeconds))} SECOND`,
    );
    const long = new Set(rows.map(({ id }) => Number(id)));
    const sessions = long.size === 0 ? [] : (await tenantSessions(db)).filter(({ id }) => long.has(id));
    this.counts.long_transactions_count = sessions.length;
    if (!kill) return;
    for (const { id, user } of sessions) {
      await killSessions(db, [id]);
      this.counts.long_transactions_killed++;
      this.#log.info({ event: 'long-transaction-killed', user });
    }
  }
}
