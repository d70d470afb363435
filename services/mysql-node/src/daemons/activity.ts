import { tenantSessions } from '../server/sessions.ts';
import { tableFigures } from '../server/sizes.ts';
import type { DbServer } from '../server/db-server.ts';
import { sql } from '../sql/quote.ts';

/** Schemas looked at in one pass because their turn has come. */
const TURN = 20;
/** A session that did something this many seconds ago may have made its tables grow. */
const RECENT_SECONDS = 2;

/**
 * Sizes of tables that are not InnoDB's. Seeing them needs every table opened, so each pass looks only at schemas that
 * are known to have some, that somebody works in, or whose turn it is.
 */
export class Activity {
  readonly #sizes = new Map<DbServer, Map<string, number>>();
  readonly #owners = new Map<DbServer, Map<string, string>>();
  #turn = 0;

  async otherEngines(db: DbServer, schemas: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const sizes = this.#sizes.get(db) ?? new Map<string, number>();
    this.#sizes.set(db, sizes);
    const known = new Set(schemas);
    for (const name of sizes.keys()) if (!known.has(name)) sizes.delete(name);
    const turn = Array.from(
      { length: Math.min(TURN, schemas.length) },
      () => schemas[this.#turn++ % schemas.length] ?? '',
    );
    const look = new Set([...sizes.keys(), ...(await this.#busy(db)), ...turn]);
    for (const name of look) {
      if (!known.has(name)) continue;
      const { otherBytes } = await tableFigures(db, name);
      if (otherBytes > 0) sizes.set(name, otherBytes);
      else sizes.delete(name);
    }
    return sizes;
  }

  /** Schemas of the users who did something just now. */
  async #busy(db: DbServer): Promise<string[]> {
    const sessions = await tenantSessions(db);
    const active = sessions.filter(
      ({ command, seconds }) => command !== 'Sleep' || seconds <= RECENT_SECONDS,
    );
    let owners = this.#owners.get(db) ?? new Map<string, string>();
    if (active.some(({ user }) => !owners.has(user))) {
      const rows = await db.rows<{ user: string; db: string }>(
        sql`SELECT User AS user, Db AS db FROM mysql.db WHERE Db LIKE 'd%'`,
      );
      owners = new Map(rows.map((row) => [row.user, row.db]));
      this.#owners.set(db, owners);
    }
    return active.flatMap(({ user }) => owners.get(user) ?? []);
  }
}
