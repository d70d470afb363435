import type { Logger } from '@vcap/component';
import { badData } from '../domain/errors.ts';
import { isInstanceName, isUserName, loaderName, replacedName, scratchName } from '../domain/names.ts';
import type { DbServer } from '../server/db-server.ts';
import { killSessionsOf } from '../server/sessions.ts';
import { account, ident, sql } from '../sql/quote.ts';
import { accountsOn, dropUser, schemasOf, setLocked, userHosts } from './accounts.ts';

type Step = (name: string) => void;

/**
 * Takes accounts away with their sessions: first nobody new comes in, then those inside are put out, then `before` is
 * done, then they are dropped. An account that has grants on another schema is not ours to drop.
 */
export async function dropAccounts(
  db: DbServer,
  users: readonly string[],
  schema: string,
  step: Step,
  before: () => Promise<void> = async () => undefined,
): Promise<void> {
  const mine: string[] = [];
  for (const user of users) {
    const hosts = await userHosts(db, user);
    if (hosts.length === 0) continue;
    if ((await schemasOf(db, user)).some((each) => each !== schema)) continue;
    mine.push(user);
    step('lock-account');
    await setLocked(
      db,
      hosts.map((host) => ({ user, host, db: schema })),
      true,
    );
  }
  step('kill-sessions');
  await killSessionsOf(db, new Set(users));
  if (mine.length > 0) await before();
  for (const user of mine) {
    step('drop-user');
    await dropUser(db, user);
  }
}

/** Everything that belongs to an instance, whether all of it is there or not. */
export async function dropInstance(
  db: DbServer,
  name: string,
  own: string | undefined,
  step: Step,
  log: Logger,
): Promise<void> {
  if (!isInstanceName(name)) throw badData('the name of the instance');
  const users = new Set((await accountsOn(db, name)).map(({ user }) => user));
  if (own !== undefined && isUserName(own)) users.add(own);
  await dropAccounts(db, [...users], name, step);
  for (const schema of [scratchName(name), replacedName(name), name]) {
    step('drop-database');
    await db.run(sql`DROP DATABASE IF EXISTS ${ident(schema)}`);
  }
  await dropUser(db, loaderName(name));
  await revokeRest(db, name, step, log);
}

/** Grants that others, such as a monitor, were given on the schema: dropping it leaves them behind. */
async function revokeRest(db: DbServer, name: string, step: Step, log: Logger): Promise<void> {
  const rows = await db.rows<{ user: string; host: string }>(
    sql`SELECT User AS user, Host AS host FROM mysql.db WHERE Db = ?`,
    [name],
  );
  for (const { user, host } of rows) {
    step('revoke');
    try {
      await db.run(sql`REVOKE ALL PRIVILEGES ON ${ident(name)}.* FROM ${account(user, host)}`);
    } catch (err) {
      log.warn({ event: 'grant-left', instance: name, user, err });
    }
  }
}
