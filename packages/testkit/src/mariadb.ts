import { execFile } from 'node:child_process';
import { mkdir, chown } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findBinary } from './find-binary.ts';
import { freePort } from './free-port.ts';
import { startProcess } from './start-process.ts';
import type { RunningProcess } from './start-process.ts';
import { serverDir, unprivileged } from './unprivileged.ts';

const run = promisify(execFile);

/** A running MariaDB of the test's own, with an empty data folder; root has no password. */
export interface MariadbServer {
  /** mysql://root@127.0.0.1:<port>/ */
  readonly url: string;
  readonly port: number;
  /** Makes a database (name: letters, digits, underscore) and gives its URL back. */
  createDatabase(name: string): Promise<string>;
  /** Ends the daemon (SIGKILL when asked) and starts it again on the same data and port. */
  restart(options?: { kill?: boolean }): Promise<void>;
  stop(): Promise<void>;
  /** Ends it with SIGKILL; the data folder goes too. */
  kill(): Promise<void>;
}

export interface MariadbOptions {
  port?: number;
  /** More arguments for the daemon, such as `--ssl-ca=...`. */
  extraArgs?: string[];
}

/** Prepares a data folder and starts MariaDB on 127.0.0.1 (about a second). */
export async function startMariadb(options: MariadbOptions = {}): Promise<MariadbServer> {
  const install = findBinary('mariadb-install-db', 'mariadb-server');
  const daemon = findBinary('mariadbd', 'mariadb-server');
  const client = findBinary('mariadb', 'mariadb-client');
  const port = options.port ?? (await freePort());
  const user = unprivileged();
  const dir = await serverDir('vcap-mariadb');
  const query = async (sql: string): Promise<void> => {
    const address = ['--no-defaults', '-h', '127.0.0.1', '-P', String(port), '-u', 'root'];
    await run(client, [...address, '-e', sql], { timeout: 10_000 });
  };
  try {
    const data = join(dir.path, 'data');
    await mkdir(data);
    if (user.uid !== undefined && user.gid !== undefined) await chown(data, user.uid, user.gid);
    const installFlags = [
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      '--innodb-log-file-size=10M',
    ];
    await run(install, ['--no-defaults', `--datadir=${data}`, ...installFlags], {
      ...user,
      cwd: dir.path,
      timeout: 60_000,
    });
    const start = (): Promise<RunningProcess> =>
      startProcess({
        argv: [daemon, ...daemonFlags(dir.path, data, port), ...(options.extraArgs ?? [])],
        ...user,
        cwd: dir.path,
        readyTimeoutMs: 30_000,
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
        await (kill ? server.kill() : server.stop(15_000));
        server = await start();
      },
      async stop() {
        await server.stop(15_000);
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

/** Small and careless about power loss: the data lives as long as the test. */
function daemonFlags(dir: string, data: string, port: number): string[] {
  return [
    '--no-defaults',
    `--datadir=${data}`,
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
