import { randomUUID } from 'node:crypto';
import type { Database } from '../db/open.ts';
import { isDuplicate } from '../db/open.ts';

/** Something that a user did, for the audit. */
export interface AuditEvent {
  /** Such as `app.create`. */
  type: string;
  actor: string;
  realActor: string | null;
  targetType: 'app' | 'user' | 'service_instance' | 'service';
  target: string;
  traceId: string;
  /** What was asked, never with secrets or environment values. */
  detail?: Record<string, unknown>;
}

/** The audit trail: one row for each change a user made. */
export class Events {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async record(event: AuditEvent): Promise<void> {
    await this.#insert(randomUUID(), event);
  }

  /** For what several controllers hear of: a second row with this guid is not written. */
  async recordOnce(guid: string, event: AuditEvent): Promise<void> {
    try {
      await this.#insert(guid, event);
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
  }

  async #insert(guid: string, event: AuditEvent): Promise<void> {
    await this.#database.db
      .insertInto('events')
      .values({
        guid,
        type: event.type,
        actor: event.actor,
        real_actor: event.realActor,
        target_type: event.targetType,
        target: event.target.slice(0, 255),
        trace_id: event.traceId,
        detail_json: JSON.stringify(event.detail ?? {}),
        created_at: this.#database.clock.now(),
      })
      .execute();
  }

  /** Types of what a user did, oldest first. */
  async typesOf(actor: string): Promise<string[]> {
    const rows = await this.#database.db
      .selectFrom('events')
      .select('type')
      .where('actor', '=', actor)
      .orderBy('id')
      .execute();
    return rows.map(({ type }) => type);
  }
}
