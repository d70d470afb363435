import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { startProcess } from './start-process.ts';
import { serverDir, unprivileged } from './unprivileged.ts';

/** A running MariaDB or MySQL of the test's own, with an empty data folder; root has no password. */
export interface SqlServer {
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

export interface SqlServerOptions {
  port?: number;
  /** More arguments for the daemon, such as `--ssl-ca=...`. */
  extraArgs?: string[];
}

/** How one make of server is prepared and started. */
export interface SqlMake {
  /** Beginning of the folder's name. */
  prefix: string;
  /** The command line client. */
  client: string;
  /** Fills the data folder below `dir`; `run` runs a program there as the server's user. */
  prepare(dir: string, run: (program: string, args: string[]) => Promise<void>): Promise<void>;
  argv(dir: string, port: number): [string, ...string[]];
  readyMs: number;
  stopMs: number;
}

const run = promisify(execFile);
const prepareMs = 120_000;

/** Prepares a data folder and starts a server on 127.0.0.1. */
export async function startSqlServer(make: SqlMake, options: SqlServerOptions): Promise<SqlServer> {
  const port = options.port ?? (await freePort());
  const user = unprivileged();
  const dir = await serverDir(make.prefix);
  const query = async (sql: string): Promise<void> => {
    const address = ['--no-defaults', '-h', '127.0.0.1', '-P', String(port), '-u', 'root'];
    await run(make.client, [...address, '-e', sql], { timeout: 10_000 });
  };
  const start = () =>
    startProcess({
      argv: [...make.argv(dir.path, port), ...(options.extraArgs ?? [])],
      ...user,
      cwd: dir.path,
      readyTimeoutMs: make.readyMs,
      readyWhen: () => query('SELECT 1').then(() => true),
    });
  try {
    await make.prepare(dir.path, async (program, args) => {
      await run(program, args, { ...user, cwd: dir.path, timeout: prepareMs });
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
        await (kill ? server.kill() : server.stop(make.stopMs));
        server = await start();
      },
      async stop() {
        await server.stop(make.stopMs);
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
