import { createHash } from 'node:crypto';
import type { Connection } from 'mysql2';
import type { Clock } from '@vcap/clock';
import { integer, sql } from '../sql/quote.ts';
import type { Session } from './db-server.ts';

const SLOTS = 64;
const WAIT_MS = 10_000;
const POLL_MS = 50;
const ER_NO_SUCH_THREAD = 1094;

/**
 * Every management connection holds a named lock of the server, by which the next process of this node finds what the
 * last one left: a statement that a killed process sent still runs, and must not make a database after the repair has
 * looked for it.
 */
export class SessionSlots {
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #taken = new Set<number>();

  constructor(nodeId: string, clock: Clock) {
    this.#prefix = `vcap-${createHash('sha256').update(nodeId).digest('hex').slice(0, 40)}-`;
    this.#clock = clock;
  }

  /** Gives a new connection the first free name; it queues before the connection's first use. */
  mark(connection: Connection): void {
    const slot = Array.from({ length: SLOTS }, (_, index) => index).find((each) => !this.#taken.has(each));
    if (slot === undefined) return;
    this.#taken.add(slot);
    connection.on('end', () => this.#taken.delete(slot));
    connection.on('error', () => this.#taken.delete(slot));
    connection.query('SELECT GET_LOCK(?, 0)', [`${this.#prefix}${slot}`], () => undefined);
  }

  /** Ends the sessions of the process before this one and waits until they are gone. */
  async endFormer(session: Session): Promise<void> {
    const end = this.#clock.monotonic() + WAIT_MS;
    for (;;) {
      const ids = await this.#holders(session);
      if (ids.length === 0) return;
      if (this.#clock.monotonic() > end) throw new Error('sessions of the former process do not end');
      for (const id of ids) {
        await session.run(sql`KILL ${integer(id)}`).catch((error: unknown) => {
          if ((error as { errno?: number }).errno !== ER_NO_SUCH_THREAD) throw error;
        });
      }
      await this.#clock.sleep(POLL_MS);
    }
  }

  async #holders(session: Session): Promise<number[]> {
    const ids: number[] = [];
    for (let slot = 0; slot < SLOTS; slot++) {
      const rows = await session.rows<{ id: number | string | null }>(sql`SELECT IS_USED_LOCK(?) AS id`, [
        `${this.#prefix}${slot}`,
      ]);
      const id = rows[0]?.id ?? null;
      if (id !== null && Number(id) > 0) ids.push(Number(id));
    }
    return ids;
  }
}
