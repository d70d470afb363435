import { createHash } from 'node:crypto';
import type { Database } from '../db/open.ts';
import { isDuplicate } from '../db/open.ts';
import type { AppStore, StartOrder } from '../ports.ts';

/** Old rows are no harm: they are swept this seldom. */
const SWEEP_MS = 60_000;

/** Orders that were taken, in the database that all controllers share. */
export class StartOrders implements Pick<AppStore, 'takeStartOrder' | 'giveBackStartOrder'> {
  readonly #database: Database;
  #sweptAt = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  async takeStartOrder(order: StartOrder, lifeMs: number): Promise<boolean> {
    const { db, clock } = this.#database;
    const now = clock.now();
    await this.#sweep(now);
    const row = { claim: claimOf(order), expires_at: now + lifeMs };
    try {
      await db.insertInto('start_orders').values(row).execute();
      return true;
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
    const { numUpdatedRows } = await db
      .updateTable('start_orders')
      .set({ expires_at: row.expires_at })
      .where('claim', '=', row.claim)
      .where('expires_at', '<=', now)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  async giveBackStartOrder(order: StartOrder): Promise<void> {
    await this.#database.db.deleteFrom('start_orders').where('claim', '=', claimOf(order)).execute();
  }

  async #sweep(now: number): Promise<void> {
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    await this.#database.db.deleteFrom('start_orders').where('expires_at', '<=', now).execute();
  }
}

function claimOf({ app, version, index, after }: StartOrder): string {
  return createHash('sha256')
    .update(JSON.stringify([app, version, index, after]))
    .digest('hex');
}
