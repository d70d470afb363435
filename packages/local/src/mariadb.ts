import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { networkInterfaces, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './find-program.ts';
import type { ProcessSpec } from './managed-process.ts';
import { keptSecret, writePrivate } from './secrets.ts';

const run = promisify(execFile);
/** What users ask for; the server behind it is the machine's own MariaDB. */
export const mariadbVersion = '10.11';

/** Where the private database server is. */
export interface MariadbPlace {
  /** For the node of this machine. */
  socket: string;
  rootPassword: string;
  /** For applications, which may have a network of their own and then cannot reach 127.0.0.1. */
  host: string;
  port: number;
}

/** Makes the data directory the first time; undefined when this machine has no MariaDB. */
export async function prepareMariadb(
  home: string,
  port: number,
): Promise<{ place: MariadbPlace; spec: ProcessSpec } | undefined> {
  const server = find('mariadbd');
  const installer = find('mariadb-install-db');
  if (server === undefined || installer === undefined) return undefined;
  const dir = join(home, 'mariadb');
  const data = join(dir, 'data');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const user = `--user=${userInfo().username}`;
  if (!existsSync(data)) {
    const unfinished = join(dir, 'data.new');
    rmSync(unfinished, { recursive: true, force: true });
    const flags = ['--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', '--rpm'];
    await run(installer, [...flags, user, `--datadir=${unfinished}`, `--tmpdir=${dir}`]);
    renameSync(unfinished, data);
  }
  const rootPassword = keptSecret(join(dir, 'root-password'));
  const init = join(dir, 'init.sql');
  writePrivate(init, `ALTER USER 'root'@'localhost' IDENTIFIED BY '${rootPassword}';\n`);
  const socket = join(dir, 'socket');
  const host = addressForContainers();
  const config = join(dir, 'my.cnf');
  writePrivate(
    config,
    `[mariadbd]
datadir = ${data}
tmpdir = ${dir}
socket = ${socket}
pid-file = ${join(dir, 'pid')}
init-file = ${init}
bind-address = ${host}
port = ${port}
skip-name-resolve
character-set-server = utf8mb4
max_connections = 300
innodb_buffer_pool_size = 64M
innodb_log_file_size = 32M
performance_schema = off
local_infile = off
`,
  );
  const spec: ProcessSpec = {
    name: 'mariadb',
    argv: [server, `--defaults-file=${config}`, user],
    logFile: join(home, 'logs', 'mariadb.log'),
    graceMs: 15_000,
  };
  return { place: { socket, rootPassword, host, port }, spec };
}

function find(program: string): string | undefined {
  try {
    return findProgram(program, 'mariadb-server');
  } catch {
    return undefined;
  }
}

/** Containers, which root alone can make, reach this machine at its own address only. */
function addressForContainers(): string {
  if (process.getuid?.() !== 0) return '127.0.0.1';
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}
