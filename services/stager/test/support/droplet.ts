import { execFile, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, waitFor } from '@vcap/testkit';
import { parse } from 'yaml';
import { readFile } from 'node:fs/promises';

const execute = promisify(execFile);

/** All that a droplet holds beside `app/`. */
export const besideApp: readonly string[] = ['logs/', 'logs/staging_task.log', 'staging_info.yml', 'tmp/'];

/** Unpacks a droplet as the DEA does. */
export const unpackDroplet = async (
  tgz: string,
  into: string,
): Promise<{ startCommand: string; names: string[] }> => {
  await mkdir(into, { recursive: true });
  const { stdout } = await execute('tar', ['-tzf', tgz, '--quoting-style=literal']);
  await execute('tar', ['-xzf', tgz, '-C', into]);
  const info = parse(await readFile(join(into, 'staging_info.yml'), 'utf8')) as { start_command: string };
  return { startCommand: info.start_command, names: stdout.trim().split('\n') };
};

/** Starts a droplet's command as the DEA does: `bash -c` in app/, with PORT. */
export const startDroplet = async (
  droplet: string,
  startCommand: string,
): Promise<{ url: string; stop(): Promise<void> }> => {
  const port = await freePort();
  const child = spawn('bash', ['-c', startCommand], {
    cwd: join(droplet, 'app'),
    env: { PATH: process.env['PATH'] ?? '', HOME: join(droplet, 'app'), PORT: String(port) },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // Ended by itself.
    }
    await ended;
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await waitFor(
      async () => {
        if (child.exitCode !== null) throw new Error(`the app ended: ${output}`);
        return (await fetch(url).catch(() => undefined)) !== undefined;
      },
      { timeoutMs: 30_000 },
    );
  } catch (error) {
    await stop();
    throw new Error(`the app did not answer: ${output}`, { cause: error });
  }
  return { url, stop };
};
