import { appendFile } from 'node:fs/promises';
import { createConnection } from 'mysql2/promise';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { Place } from './places.ts';
import { runProgram, withOptionFile } from './programs.ts';

type OnServer = Extract<Place, { kind: 'database' | 'server' }>;

/** Databases and accounts of a server's own, in MariaDB and MySQL. */
const ownDatabases = ['information_schema', 'mysql', 'performance_schema', 'sys'];
const ownAccounts = /^(root|mysql|mariadb\.sys|mysql\..*|healthcheck|replica|)$/;

const socketOf = (place: OnServer): string | undefined =>
  place.kind === 'server' ? place.socket : undefined;

async function connected<T>(place: OnServer, work: (connection: Connection) => Promise<T>): Promise<T> {
  const { hostname, password, port, username } = new URL(place.uri);
  const socketPath = socketOf(place);
  const connection = await createConnection({
    ...(socketPath === undefined ? { host: hostname, port: Number(port || 3306) } : { socketPath }),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    connectTimeout: 15_000,
  });
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}

const databaseOf = (place: OnServer): string => decodeURIComponent(new URL(place.uri).pathname.slice(1));

const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/** Names of the databases that belong to the place. */
async function databasesOf(place: OnServer): Promise<string[]> {
  if (place.kind === 'database') return [databaseOf(place)];
  return connected(place, async (connection) => {
    const [rows] = await connection.query<RowDataPacket[]>('SHOW DATABASES');
    return rows.map((row) => String(Object.values(row)[0])).filter((name) => !ownDatabases.includes(name));
  });
}

/**
 * Writes everything of a place as SQL: each database as of one moment, without stopping anybody; of a whole server the
 * accounts with their passwords and grants too.
 */
export async function saveMysql(place: OnServer, to: string): Promise<void> {
  const names = await databasesOf(place);
  await withOptionFile(place.uri, socketOf(place), async (option) => {
    const flags = ['--single-transaction', '--routines', '--triggers', '--events', '--hex-blob'];
    const what = place.kind === 'database' ? names : ['--databases', ...names];
    // A server without databases: an empty dump.
    const argv: [string, ...string[]] =
      names.length === 0 ? ['true'] : [place.dump, option, ...flags, ...what];
    await runProgram(argv, { to });
  });
  if (place.kind === 'server') await appendFile(to, await accountsOf(place));
}

async function accountsOf(place: OnServer): Promise<string> {
  return connected(place, async (connection) => {
    const [users] = await connection.query<RowDataPacket[]>(
      'SELECT User AS name, Host AS host FROM mysql.user',
    );
    // MySQL's hashes are bytes; MariaDB knows no such variable and needs none.
    await connection.query('SET SESSION print_identified_with_as_hex = ON').catch(() => undefined);
    const lines = ['\n-- Accounts'];
    for (const { host, name } of users as unknown as { host: string; name: string }[]) {
      if (ownAccounts.test(name)) continue;
      const account = `${connection.escape(name)}@${connection.escape(host)}`;
      const first = async (sql: string): Promise<string[]> => {
        const [rows] = await connection.query<RowDataPacket[]>(sql);
        return rows.map((row) => String(Object.values(row)[0]));
      };
      lines.push(`DROP USER IF EXISTS ${account};`);
      for (const text of await first(`SHOW CREATE USER ${account}`)) lines.push(`${text};`);
      for (const text of await first(`SHOW GRANTS FOR ${account}`)) lines.push(`${text};`);
    }
    return `${lines.join('\n')}\n`;
  });
}

/** Plays a dump into a place. Databases of the same name are replaced table by table. */
export async function restoreMysql(place: OnServer, from: string): Promise<void> {
  if (place.kind === 'database') await makeDatabase(place);
  await withOptionFile(place.uri, socketOf(place), async (option) => {
    const target = place.kind === 'database' ? [databaseOf(place)] : [];
    await runProgram([place.client, option, ...target], { from });
  });
}

/** A new server may have made it already, and the account need not be allowed to. */
async function makeDatabase(place: OnServer): Promise<void> {
  await connected(place, async (connection) => {
    const name = quoted(databaseOf(place));
    await connection.query(`CREATE DATABASE IF NOT EXISTS ${name} CHARACTER SET utf8mb4`);
  });
}

/** Whether the place has any table. */
export async function mysqlHasData(place: OnServer): Promise<boolean> {
  const names = await databasesOf(place);
  if (names.length === 0) return false;
  return connected(place, async (connection) => {
    const sql = 'SELECT 1 FROM information_schema.tables WHERE table_schema IN (?) LIMIT 1';
    const [rows] = await connection.query<RowDataPacket[]>(sql, [names]);
    return rows.length > 0;
  });
}
