import { randomUUID } from 'node:crypto';
import type { Database, Queryable } from '../db/open.ts';

/** A user's way to one database, open as long as its ticket is renewed. */
export interface TunnelSession {
  id: number;
  /** The session of the tickets. */
  guid: string;
  /** E-mail of who opened it. */
  user: string;
  spaceId: number;
  instanceId: number | null;
  bindingId: number | null;
  /** Milliseconds since the epoch; of the newest ticket. */
  expiresAt: number;
}

/** Open sessions of direct tunnels, read and written over a database or a transaction of it. */
export class TunnelSessions {
  readonly #database: Database;
  readonly #db: Queryable;

  constructor(database: Database, db: Queryable = database.db) {
    this.#database = database;
    this.#db = db;
  }

  /** The same over a transaction. */
  within(tx: Queryable): TunnelSessions {
    return new TunnelSessions(this.#database, tx);
  }

  async find(guid: string): Promise<TunnelSession | undefined> {
    const row = await this.#select().where('guid', '=', guid).executeTakeFirst();
    return row && toSession(row);
  }

  async ofInstance(instanceId: number): Promise<TunnelSession[]> {
    return (await this.#select().where('service_instance_id', '=', instanceId).execute()).map(toSession);
  }

  async ofUser(spaceId: number): Promise<TunnelSession[]> {
    return (await this.#select().where('space_id', '=', spaceId).execute()).map(toSession);
  }

  async insert(session: Omit<TunnelSession, 'id' | 'guid'>): Promise<TunnelSession> {
    const guid = randomUUID();
    const { insertId } = await this.#db
      .insertInto('tunnel_sessions')
      .values({
        guid,
        user: session.user,
        space_id: session.spaceId,
        service_instance_id: session.instanceId,
        service_binding_id: session.bindingId,
        expires_at: session.expiresAt,
        created_at: this.#database.clock.now(),
      })
      .executeTakeFirstOrThrow();
    return { ...session, id: Number(insertId), guid };
  }

  /** False when it has ended. */
  async renew(id: number, expiresAt: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#db
      .updateTable('tunnel_sessions')
      .set({ expires_at: expiresAt })
      .where('id', '=', id)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Of several controllers that end it, one is told true. */
  async remove(id: number): Promise<boolean> {
    const { numDeletedRows } = await this.#db
      .deleteFrom('tunnel_sessions')
      .where('id', '=', id)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  }

  async expired(limit: number): Promise<TunnelSession[]> {
    const rows = await this.#select()
      .where('expires_at', '<', this.#database.clock.now())
      .orderBy('expires_at')
      .limit(limit)
      .execute();
    return rows.map(toSession);
  }

  #select() {
    return this.#db.selectFrom('tunnel_sessions').selectAll();
  }
}

function toSession(row: {
  id: number;
  guid: string;
  user: string;
  space_id: number;
  service_instance_id: number | null;
  service_binding_id: number | null;
  expires_at: number;
}): TunnelSession {
  return {
    id: row.id,
    guid: row.guid,
    user: row.user,
    spaceId: row.space_id,
    instanceId: row.service_instance_id,
    bindingId: row.service_binding_id,
    expiresAt: row.expires_at,
  };
}
