import { findBinary, mysqlPrograms, startMariadb, startMysql } from '@vcap/testkit';
import type { SqlServerOptions, SqlServer } from '@vcap/testkit';

/** For a hook that starts servers: the first one on a machine may have to fetch MySQL. */
export const START_LIMIT_MS = 900_000;

/** A real server with the client programs that go with it. */
export interface TestDatabase {
  version: string;
  server: SqlServer;
  mysqldump_bin: string;
  mysql_bin: string;
}

/** MariaDB, and MySQL where it can be had: what lacks is said once. */
export async function startDatabases(options: SqlServerOptions = {}): Promise<TestDatabase[]> {
  const first = await mariadb(options);
  try {
    const mysql = await mysqlOnly(options);
    return mysql ? [first, mysql] : [first];
  } catch (error) {
    await first.server.kill();
    throw error;
  }
}

export async function mysqlOnly(options: SqlServerOptions = {}): Promise<TestDatabase | undefined> {
  const programs = await mysqlPrograms();
  if ('missing' in programs) {
    process.stderr.write(`skipped with MySQL: ${programs.missing}\n`);
    return undefined;
  }
  const server = await startMysql(options);
  return { version: '9.7', server, mysqldump_bin: programs.mysqldump, mysql_bin: programs.mysql };
}

export async function mariadb(options: SqlServerOptions = {}): Promise<TestDatabase> {
  return {
    version: '10.11',
    server: await startMariadb(options),
    mysqldump_bin: findBinary('mariadb-dump', 'mariadb-client'),
    mysql_bin: findBinary('mariadb', 'mariadb-client'),
  };
}

/** The part of a node's file that names these servers. */
export function mysqlSection(databases: readonly TestDatabase[]): Record<string, unknown> {
  return Object.fromEntries(
    databases.map(({ version, server, mysqldump_bin, mysql_bin }) => [
      version,
      { host: '127.0.0.1', port: server.port, mysqldump_bin, mysql_bin },
    ]),
  );
}
