import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { findBinary, freePort, startProcess, waitFor } from '@vcap/testkit';
import type { RunningProcess } from '@vcap/testkit';
import { parse, stringify } from 'yaml';
import { applications, isBack, kill } from './faults.ts';
import { vmcProgram } from './platform.ts';
import type { Outcome, Platform } from './platform.ts';
import type { ProcessIdentity } from './processes.ts';

/** The ways that a tunnel can go: what `vmc tunnel` is told for each. */
export const ways = {
  http: ['--transport', 'http'],
  websocket: ['--transport', 'websocket'],
  direct: ['--direct'],
};

/** What a client needs to reach a database. */
export interface Access {
  host: string;
  port: number;
  user: string;
  password: string;
  name: string;
}

/**
 * Takes the limits of size, time and connections from the databases that are made from now on. Nodes of one server
 * end each other's long queries, and a dump that waits for its reader is one.
 */
export async function liftDatabaseLimits(platform: Platform): Promise<void> {
  const limits = { max_db_size: 4000, max_long_query: 0, max_long_tx: 0, max_user_conns: 0 };
  const folder = join(platform.home, 'config');
  for (const name of await readdir(folder)) {
    if (!name.startsWith('mysql-node-')) continue;
    const config = parse(await readFile(join(folder, name), 'utf8')) as object;
    await writeFile(join(folder, name), stringify({ ...config, ...limits }));
    await isBack(platform, await kill(platform, name.replace('.yml', '')));
  }
}

/** Creates a service as soon as somebody can make one. */
export async function createService(platform: Platform, name: string): Promise<void> {
  let last: Outcome | undefined;
  await waitFor(
    async () => {
      last = await platform.vmc('create-service', 'mysql', name, '-n');
      return last.status === 0;
    },
    { timeoutMs: 60_000, what: 'a service to be created' },
  ).catch((cause: unknown) => {
    throw new Error(`${last?.output}\n${platform.logs()}`, { cause });
  });
}

/** Runs a vmc command that reads `input`, and the program in it too. */
export async function vmcWith(platform: Platform, input: string, ...args: string[]): Promise<Outcome> {
  const child = spawn(vmcProgram, args, { env: platform.vmcEnvironment(), stdio: 'pipe' });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stdin.on('error', () => undefined).end(input);
  const [status] = (await once(child, 'close')) as [number | null];
  return { status: status ?? 1, output };
}

/** A tunnel that `vmc tunnel SERVICE none` keeps open. */
export class OpenTunnel {
  readonly access: Access;
  readonly #process: RunningProcess;

  private constructor(access: Access, process: RunningProcess) {
    this.access = access;
    this.#process = process;
  }

  static async open(platform: Platform, service: string, ...flags: string[]): Promise<OpenTunnel> {
    const port = await freePort();
    const process = await startProcess({
      argv: [vmcProgram, 'tunnel', service, 'none', '-n', '--port', String(port), ...flags],
      env: platform.vmcEnvironment(),
      readyWhen: 'until you press Ctrl-C',
      readyTimeoutMs: 60_000,
    });
    const shown = (label: string): string =>
      new RegExp(`^ *${label}: +(\\S+)$`, 'm').exec(process.output())?.[1] ?? '';
    const [user, password, name] = [shown('user'), shown('password'), shown('database')];
    return new OpenTunnel({ host: '127.0.0.1', port, user, password, name }, process);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** All that it told so far. */
  get output(): string {
    return this.#process.output();
  }

  /** As Ctrl-C does; gives back the exit status. */
  async end(): Promise<number | NodeJS.Signals> {
    this.#process.signal('SIGINT');
    // A second signal would not wait for it to clear away.
    await waitFor(() => !this.#process.running, { timeoutMs: 30_000 }).catch(() => this.#process.kill());
    return this.#process.exited;
  }
}

/** The process of the helper application. */
export async function helperProcess(platform: Platform): Promise<ProcessIdentity> {
  for (const application of applications(platform)) {
    const environment = await readFile(`/proc/${application.pid}/environ`, 'utf8');
    if (environment.includes('CALDECOTT_AUTH=')) return application;
  }
  throw new Error('the helper does not run');
}

/** What a client program left. */
export interface Dump {
  status: number | NodeJS.Signals;
  bytes: number;
  sha256: string;
  errors: string;
}

/** When something is done to a dump: it stops reading after so many bytes, and goes on when `act` is over. */
export interface Middle {
  bytes: number;
  act: (program: { kill: () => void }) => Promise<unknown>;
}

/** Takes a dump with the real program; comments, which hold addresses and times, are left out. */
export async function dump(
  access: Access,
  middle?: Middle,
  onPiece: (piece: Buffer) => void = () => undefined,
): Promise<Dump> {
  const child = spawn(
    findBinary('mysqldump', 'default-mysql-client'),
    arguments_(access, '--skip-comments'),
    {
      env: { ...process.env, MYSQL_PWD: access.password },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const hash = createHash('sha256');
  let bytes = 0;
  let errors = '';
  let done = middle === undefined;
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  for await (const piece of child.stdout as AsyncIterable<Buffer>) {
    hash.update(piece);
    onPiece(piece);
    bytes += piece.length;
    if (done || bytes < (middle?.bytes ?? 0)) continue;
    done = true;
    await middle?.act({ kill: () => void child.kill('SIGKILL') });
  }
  const [code, signal] = await ended;
  return { status: code ?? signal ?? 1, bytes, sha256: hash.digest('hex'), errors };
}

/** Runs statements, a text or what a file holds, with the real client; gives back what it printed. Throws when it fails. */
export async function query(access: Access, statements: string | Readable): Promise<string> {
  const child = spawn(
    findBinary('mysql', 'default-mysql-client'),
    arguments_(access, '-N', '-B', '--default-character-set=utf8mb4'),
    {
      env: { ...process.env, MYSQL_PWD: access.password },
      stdio: 'pipe',
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stdin.on('error', () => undefined);
  if (typeof statements === 'string') child.stdin.end(statements);
  else statements.pipe(child.stdin);
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`mysql ended with ${status}: ${output}`);
  return output;
}

function arguments_({ host, port, user, name }: Access, ...options: string[]): string[] {
  const place = ['--protocol=TCP', `--host=${host}`, `--port=${port}`, `--user=${user}`];
  return ['--no-defaults', ...place, ...options, name];
}
