import { integer, sql } from '../sql/quote.ts';
import { isUserName } from '../domain/names.ts';
import type { Session } from './db-server.ts';

/** A connection of somebody. */
export interface ServerSession {
  id: number;
  user: string;
  command: string;
  /** Since the present statement began, or the last one ended. */
  seconds: number;
  /** What the server says it does for it, in its own words. */
  state: string;
}

const ER_NO_SUCH_THREAD = 1094;

/** Sessions of tenants; management, replication and the server's own threads are never among them. */
export async function tenantSessions(db: Session): Promise<ServerSession[]> {
  const rows = await db.rows<{
    id: number | string;
    user: string;
    command: string;
    seconds: number | string | null;
    state: string | null;
  }>(
    sql`SELECT ID AS id, USER AS user, COMMAND AS command, TIME AS seconds, STATE AS state
      FROM information_schema.PROCESSLIST`,
  );
  return rows
    .filter((row) => isUserName(row.user))
    .map(({ id, user, command, seconds, state }) => ({
      id: Number(id),
      user,
      command,
      seconds: Number(seconds ?? 0),
      state: state ?? '',
    }));
}

/** Ends connections; those that ended by themselves are fine. */
export async function killSessions(db: Session, ids: readonly number[]): Promise<void> {
  for (const id of ids) await unlessGone(db.run(sql`KILL CONNECTION ${integer(id)}`));
}

/** Ends what a connection is doing and leaves the connection. */
export async function killQuery(db: Session, id: number): Promise<void> {
  await unlessGone(db.run(sql`KILL QUERY ${integer(id)}`));
}

/** Ends all connections of these accounts. */
export async function killSessionsOf(db: Session, users: ReadonlySet<string>): Promise<number> {
  const sessions = (await tenantSessions(db)).filter(({ user }) => users.has(user));
  await killSessions(
    db,
    sessions.map(({ id }) => id),
  );
  return sessions.length;
}

async function unlessGone(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if ((error as { errno?: number }).errno !== ER_NO_SUCH_THREAD) throw error;
  }
}
