import type { Clock } from '@vcap/clock';
import type { DbServer } from '../server/db-server.ts';
import { tenantSessions } from '../server/sessions.ts';
import type { ServerSession } from '../server/sessions.ts';

/** A session, with what was seen of it from look to look. */
export interface WatchedSession extends ServerSession {
  /** Whether a statement runs. */
  busy: boolean;
  /** Whether that statement waits for its client to read the answer. */
  reading: boolean;
  /** Seconds that the statement was seen to run, without those in which it waited for its client. */
  worked: number;
  /** Seconds since it was last seen to wait for its client; Infinity: never. */
  sinceRead: number;
}

interface Memory {
  seconds: number;
  busy: boolean;
  worked: number;
  lastReadMs: number;
}

/**
 * The sessions of tenants on one server. A statement may be slow because its client is, such as a dump that goes through
 * a slow tunnel; then it waits at nearly every look, and costs the server next to nothing. No server counts that time by
 * itself, so it is gathered by looking often.
 */
export class SessionWatch {
  readonly #db: DbServer;
  readonly #clock: Clock;
  readonly #pauseSeconds: number;
  #memory = new Map<number, Memory>();
  #lastMs: number | undefined;

  /** `pauseSeconds`: how often `look` is to be called. */
  constructor(db: DbServer, clock: Clock, pauseSeconds: number) {
    this.#db = db;
    this.#clock = clock;
    this.#pauseSeconds = pauseSeconds;
  }

  async look(): Promise<WatchedSession[]> {
    const sessions = await tenantSessions(this.#db);
    const now = this.#clock.monotonic();
    // While nobody looked, nobody knows what was done: a machine that stood still has not worked.
    const most = 2 * this.#pauseSeconds;
    const passed = this.#lastMs === undefined ? most : Math.min(most, (now - this.#lastMs) / 1000);
    this.#lastMs = now;
    const memory = new Map<number, Memory>();
    const watched = sessions.map((session) => {
      const { id, seconds, command, state } = session;
      const busy = command === 'Query' || command === 'Execute';
      const reading = busy && state === this.#db.flavour.sendingState;
      const before = this.#memory.get(id);
      const same = before?.busy === busy && seconds >= before.seconds;
      const since = same ? passed : Math.min(seconds, passed);
      const worked = (same ? before.worked : 0) + (busy && !reading ? since : 0);
      const lastReadMs = reading ? now : (before?.lastReadMs ?? Number.NEGATIVE_INFINITY);
      memory.set(id, { seconds, busy, worked, lastReadMs });
      return { ...session, busy, reading, worked, sinceRead: (now - lastReadMs) / 1000 };
    });
    this.#memory = memory;
    return watched;
  }
}
