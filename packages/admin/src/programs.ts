import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * Runs a program with a file as its input or its output. Rejects with the end of what it said when its status is not 0,
 * or when it cannot be started.
 */
export async function runProgram(
  argv: readonly [string, ...string[]],
  files: { from?: string; to?: string } = {},
): Promise<void> {
  const [program, ...args] = argv;
  const { from, to } = files;
  const child = spawn(program, args, {
    stdio: [from === undefined ? 'ignore' : 'pipe', to === undefined ? 'ignore' : 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`cannot run ${program}: ${cause.message}`, { cause })));
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}: ${said.trim()}`)),
    );
  });
  const work: Promise<unknown>[] = [ended];
  if (to !== undefined && child.stdout)
    work.push(pipeline(child.stdout, createWriteStream(to, { mode: 0o600 })));
  // A program that ends early closes its input: what it said is the better reason.
  if (from !== undefined && child.stdin)
    work.push(pipeline(createReadStream(from), child.stdin).catch(() => undefined));
  const [outcome, ...rest] = await Promise.allSettled(work);
  for (const one of [outcome, ...rest]) if (one?.status === 'rejected') throw one.reason;
}

/** Runs `work` with an option file of MySQL's client programs, so that no password stands on a command line. */
export async function withOptionFile<T>(
  uri: string,
  socket: string | undefined,
  work: (option: string) => Promise<T>,
): Promise<T> {
  const { hostname, password, port, username } = new URL(uri);
  const quote = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const where =
    socket === undefined
      ? [`host=${quote(hostname)}`, `port=${port || '3306'}`, 'protocol=tcp']
      : [`socket=${quote(socket)}`];
  const lines = [
    '[client]',
    ...where,
    `user=${quote(decodeURIComponent(username))}`,
    `password=${quote(decodeURIComponent(password))}`,
    'default-character-set=utf8mb4',
  ];
  const dir = await mkdtemp(join(tmpdir(), 'vmc-admin-'));
  try {
    await chmod(dir, 0o700);
    const file = join(dir, 'client.cnf');
    await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    return await work(`--defaults-file=${file}`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
