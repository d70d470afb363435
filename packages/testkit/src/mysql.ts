import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mysqlPrograms } from './mysql-programs.ts';
import { startSqlServer } from './sql-server.ts';
import type { SqlServer, SqlServerOptions } from './sql-server.ts';

const initFileIn = (dir: string): string => join(dir, 'init.sql');

/**
 * Starts a real MySQL (4 s), whose root may come over TCP. Throws the reason when there is no MySQL: ask
 * `mysqlPrograms` first.
 */
export async function startMysql(options: SqlServerOptions = {}): Promise<SqlServer> {
  const programs = await mysqlPrograms();
  if ('missing' in programs) throw new Error(programs.missing);
  const base = (dir: string): string[] => [
    '--no-defaults',
    ...programs.daemonArgs,
    `--datadir=${join(dir, 'data')}`,
    `--tmpdir=${dir}`,
  ];
  const make = {
    prefix: 'vcap-mysql',
    client: programs.mysql,
    async prepare(dir: string, run: (program: string, args: string[]) => Promise<void>) {
      await run(programs.mysqld, [...base(dir), '--secure-file-priv=NULL', '--initialize-insecure']);
      await writeFile(
        initFileIn(dir),
        "CREATE USER IF NOT EXISTS 'root'@'%';\nGRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;\n",
      );
    },
    argv: (dir: string, port: number): [string, ...string[]] => [
      programs.mysqld,
      ...base(dir),
      ...daemonFlags(dir, port),
    ],
    readyMs: 60_000,
    stopMs: 30_000,
  };
  return startSqlServer(make, options);
}

function daemonFlags(dir: string, port: number): string[] {
  return [
    `--socket=${join(dir, 'my.sock')}`,
    `--pid-file=${join(dir, 'my.pid')}`,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--mysqlx=OFF',
    '--skip-name-resolve',
    '--disable-log-bin',
    '--secure-file-priv=NULL',
    '--innodb-buffer-pool-size=64M',
    '--innodb-redo-log-capacity=16M',
    '--innodb-flush-log-at-trx-commit=0',
    `--init-file=${initFileIn(dir)}`,
  ];
}
