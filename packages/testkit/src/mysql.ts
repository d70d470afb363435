import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import type { MariadbOptions, MariadbServer } from './mariadb.ts';
import { mysqlPrograms } from './mysql-programs.ts';
import { startProcess } from './start-process.ts';
import type { RunningProcess } from './start-process.ts';
import { serverDir, unprivileged } from './unprivileged.ts';

const run = promisify(execFile);

/**
 * Prepares a data folder and starts a real MySQL on 127.0.0.1 (4 s), with a root that has no password and may come
 * over TCP. Throws the reason when there is no MySQL: ask `mysqlPrograms` first.
 */
export async function startMysql(options: MariadbOptions = {}): Promise<MariadbServer> {
  const programs = await mysqlPrograms();
  if ('missing' in programs) throw new Error(programs.missing);
  const port = options.port ?? (await freePort());
  const user = unprivileged();
  const dir = await serverDir('vcap-mysql');
  const query = async (sql: string): Promise<void> => {
    const address = ['--no-defaults', '-h', '127.0.0.1', '-P', String(port), '-u', 'root'];
    await run(programs.mysql, [...address, '-e', sql], { timeout: 10_000 });
  };
  const base = ['--no-defaults', ...programs.daemonArgs, `--datadir=${join(dir.path, 'data')}`];
  const initFile = join(dir.path, 'init.sql');
  try {
    await run(programs.mysqld, [...base, '--secure-file-priv=NULL', '--initialize-insecure'], {
      ...user,
      cwd: dir.path,
      timeout: 120_000,
    });
    await writeFile(
      initFile,
      "CREATE USER IF NOT EXISTS 'root'@'%';\nGRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;\n",
    );
    const start = (): Promise<RunningProcess> =>
      startProcess({
        argv: [
          programs.mysqld,
          ...base,
          ...daemonFlags(dir.path, port, initFile),
          ...(options.extraArgs ?? []),
        ],
        ...user,
        cwd: dir.path,
        readyTimeoutMs: 60_000,
        readyWhen: () => query('SELECT 1').then(() => true),
      });
    let server = await start();
    const url = `mysql://root@127.0.0.1:${port}/`;
    return {
      url,
      port,
      async createDatabase(name) {
        if (!/^\w+$/.test(name)) throw new Error(`not a database name: ${name}`);
        await query(`CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`);
        return url + name;
      },
      async restart({ kill = false } = {}) {
        await (kill ? server.kill() : server.stop(30_000));
        server = await start();
      },
      async stop() {
        await server.stop(30_000);
        await dir.remove();
      },
      async kill() {
        await server.kill();
        await dir.remove();
      },
    };
  } catch (error) {
    await dir.remove();
    throw error;
  }
}

function daemonFlags(dir: string, port: number, initFile: string): string[] {
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
    `--init-file=${initFile}`,
  ];
}
