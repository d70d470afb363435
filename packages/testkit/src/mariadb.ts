import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findBinary } from './find-binary.ts';
import { startSqlServer } from './sql-server.ts';
import type { SqlServer, SqlServerOptions } from './sql-server.ts';
import { unprivileged } from './unprivileged.ts';

/** Starts a real MariaDB (about a second). */
export async function startMariadb(options: SqlServerOptions = {}): Promise<SqlServer> {
  const install = findBinary('mariadb-install-db', 'mariadb-server');
  const daemon = findBinary('mariadbd', 'mariadb-server');
  const make = {
    prefix: 'vcap-mariadb',
    client: findBinary('mariadb', 'mariadb-client'),
    async prepare(dir: string, run: (program: string, args: string[]) => Promise<void>) {
      const data = join(dir, 'data');
      const { gid, uid } = unprivileged();
      await mkdir(data);
      if (uid !== undefined && gid !== undefined) await chown(data, uid, gid);
      await run(install, [
        '--no-defaults',
        `--datadir=${data}`,
        ownTmp(dir),
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
        '--innodb-log-file-size=10M',
      ]);
    },
    argv: (dir: string, port: number): [string, ...string[]] => [daemon, ...daemonFlags(dir, port)],
    readyMs: 30_000,
    stopMs: 15_000,
  };
  return startSqlServer(make, options);
}

/** A server that starts deletes the temporary tables of all others that have the same directory for them. */
const ownTmp = (dir: string): string => `--tmpdir=${dir}`;

/** Small and careless about power loss: the data lives as long as the test. */
function daemonFlags(dir: string, port: number): string[] {
  return [
    '--no-defaults',
    `--datadir=${join(dir, 'data')}`,
    ownTmp(dir),
    `--socket=${join(dir, 'my.sock')}`,
    `--pid-file=${join(dir, 'my.pid')}`,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--skip-name-resolve',
    '--skip-log-bin',
    '--innodb-buffer-pool-size=64M',
    '--innodb-log-file-size=10M',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-flush-method=nosync',
  ];
}
