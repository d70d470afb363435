import { account, ident, integer, list, password, sql, words } from '../sql/quote.ts';
import type { Quoted } from '../sql/quote.ts';
import { isError } from '../server/db-server.ts';
import type { Session } from '../server/db-server.ts';
import { isInstanceName, isUserName, nobodysInstance } from '../domain/names.ts';
import { everything, growing, remaining } from '../domain/privileges.ts';

const ER_NONEXISTING_GRANT = 1141;

/** An account on the server, by the database it may use. */
export interface AccountGrant {
  user: string;
  host: string;
  /** Schema. */
  db: string;
}
export interface AccountSettings {
  user: string;
  password: string;
  maxConnections: number;
  requireTls: boolean;
}

/** Tenant accounts with grants on this schema. Accounts of others, such as a monitor's, are not among them. */
export async function accountsOn(db: Session, schema: string): Promise<AccountGrant[]> {
  const rows = await db.rows<AccountGrant>(
    sql`SELECT User AS user, Host AS host, Db AS db FROM mysql.db WHERE Db = ?`,
    [schema],
  );
  return rows.filter((row) => isUserName(row.user));
}

/** Everything tenants were granted; accounts without a grant belong to `nobodysInstance`. */
export async function allAccounts(db: Session): Promise<AccountGrant[]> {
  const granted = (
    await db.rows<AccountGrant>(
      sql`SELECT User AS user, Host AS host, Db AS db FROM mysql.db WHERE Db LIKE 'd%'`,
    )
  ).filter((row) => isUserName(row.user) && isInstanceName(row.db));
  const known = new Set(granted.map(({ user }) => user));
  const users = await db.rows<{ user: string; host: string }>(
    sql`SELECT User AS user, Host AS host FROM mysql.user WHERE User LIKE 'u%'`,
  );
  const bare = users.filter(({ user }) => isUserName(user) && !known.has(user));
  return [...granted, ...bare.map((each) => ({ ...each, db: nobodysInstance }))];
}

export async function userHosts(db: Session, user: string): Promise<string[]> {
  const rows = await db.rows<{ host: string }>(sql`SELECT Host AS host FROM mysql.user WHERE User = ?`, [
    user,
  ]);
  return rows.map(({ host }) => host);
}

/** Schemas that a user has grants on. */
export async function schemasOf(db: Session, user: string): Promise<string[]> {
  const rows = await db.rows<{ db: string }>(sql`SELECT DISTINCT Db AS db FROM mysql.db WHERE User = ?`, [
    user,
  ]);
  return rows.map((row) => row.db);
}

export async function schemaExists(db: Session, name: string): Promise<boolean> {
  const rows = await db.rows(sql`SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?`, [
    name,
  ]);
  return rows.length > 0;
}

/** Fails when there is such an account already. */
export async function createAccount(db: Session, settings: AccountSettings): Promise<void> {
  const tls: Quoted = words(settings.requireTls ? ['REQUIRE SSL'] : ['REQUIRE NONE']);
  await db.run(
    sql`CREATE USER ${account(settings.user)} IDENTIFIED BY ${password(settings.password)} ${tls} WITH MAX_USER_CONNECTIONS ${integer(settings.maxConnections)}`,
  );
}

/** Gives one that exists these settings, and lets it log in. */
export async function resetAccount(db: Session, settings: AccountSettings, host = '%'): Promise<void> {
  const tls: Quoted = words(settings.requireTls ? ['REQUIRE SSL'] : ['REQUIRE NONE']);
  await db.run(
    sql`ALTER USER ${account(settings.user, host)} IDENTIFIED BY ${password(settings.password)} ${tls} WITH MAX_USER_CONNECTIONS ${integer(settings.maxConnections)} ACCOUNT UNLOCK`,
  );
}

/** What an account may do on its schema from now on: everything, or everything but growing. */
export async function grant(
  db: Session,
  schema: string,
  user: string,
  suspended: boolean,
  host = '%',
): Promise<void> {
  const who = account(user, host);
  await db.run(sql`GRANT ${words(suspended ? remaining : everything)} ON ${ident(schema)}.* TO ${who}`);
  if (!suspended) return;
  try {
    await db.run(sql`REVOKE ${words(growing)} ON ${ident(schema)}.* FROM ${who}`);
  } catch (error) {
    // MariaDB says this to an account that never had any of them.
    if (!isError(error, ER_NONEXISTING_GRANT)) throw error;
  }
}

/** Locked accounts keep their grants and cannot log in. */
export async function setLocked(
  db: Session,
  accounts: readonly AccountGrant[],
  locked: boolean,
): Promise<void> {
  if (accounts.length === 0) return;
  const who = list(accounts.map(({ user, host }) => account(user, host)));
  await db.run(sql`ALTER USER ${who} ACCOUNT ${words([locked ? 'LOCK' : 'UNLOCK'])}`);
}

/** Every account of this name, whatever its host; none is fine. */
export async function dropUser(db: Session, user: string): Promise<void> {
  for (const host of await userHosts(db, user)) await db.run(sql`DROP USER IF EXISTS ${account(user, host)}`);
}
