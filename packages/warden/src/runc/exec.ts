import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Clock } from '@vcap/clock';
import type { RunOptions } from '../types.ts';
import type { Helpers } from './helpers.ts';

/** Output that a process left behind keeps open is not waited for longer than this. */
const PIPE_GRACE_MS = 1000;
/** Longest that the runtime may take to start a command. */
const START_MS = 5000;
const POLL_MS = 5;

/** Where and with what a command runs. */
export interface ExecTarget {
  clock: Clock;
  helpers: Helpers;
  runtime: string;
  runtimeRoot: string;
  handle: string;
  /** Directory for the few files that it takes. */
  dir: string;
  /** The OCI process. */
  config: Record<string, unknown>;
}

/** Runs a command in a container; resolves to its status. Rejects when the runtime could not start it, or on abort. */
export async function execInContainer(target: ExecTarget, run: RunOptions): Promise<number> {
  run.signal?.throwIfAborted();
  const dir = await mkdtemp(join(target.dir, 'exec-'));
  try {
    const file = (name: string): string => join(dir, name);
    const [config, pidFile, log] = [file('process.json'), file('pid'), file('log')];
    await writeFile(config, JSON.stringify(target.config), { mode: 0o600 });
    const general = ['--root', target.runtimeRoot, '--log', log];
    const parameters = ['--process', config, '--pid-file', pidFile, target.handle];
    const argv = [target.runtime, ...general, 'exec', ...parameters] as const;
    const status = await runToEnd(target, argv, pidFile, run);
    run.signal?.throwIfAborted();
    if ((await readPid(pidFile)) === undefined) throw new Error(await complaintIn(log, status));
    return status;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function runToEnd(
  { clock, helpers }: ExecTarget,
  argv: readonly [string, ...string[]],
  pidFile: string,
  run: RunOptions,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = helpers.start(argv, [run.stdin ?? 'ignore', run.stdout ?? 'pipe', 'pipe']);
    child.stdout?.on('data', (chunk: Buffer) => run.onOutput?.(chunk, 'stdout'));
    child.stderr?.on('data', (chunk: Buffer) => run.onOutput?.(chunk, 'stderr'));
    const abort = (): void => void killCommand(clock, pidFile, child);
    run.signal?.addEventListener('abort', abort, { once: true });
    child.once('error', reject);
    child.once('exit', () => {
      const grace = clock.setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, PIPE_GRACE_MS);
      child.once('close', () => grace.cancel());
    });
    child.once('close', (code) => {
      run.signal?.removeEventListener('abort', abort);
      resolve(code ?? 137);
    });
  });
}

/**
 * The command leads a session and a process group of its own. Its number is written down a moment after it was started;
 * the runtime ends with it, and is killed only when it does not come to that.
 */
async function killCommand(clock: Clock, pidFile: string, runtime: ChildProcess): Promise<void> {
  const deadline = clock.monotonic() + START_MS;
  while (runtime.exitCode === null && clock.monotonic() < deadline) {
    const pid = await readPid(pidFile);
    if (pid !== undefined) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // ended already
      }
      return;
    }
    await clock.sleep(POLL_MS);
  }
  runtime.kill('SIGKILL');
}

async function readPid(path: string): Promise<number | undefined> {
  const pid = Number(await readFile(path, 'utf8').catch(() => ''));
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/** The last words of a runtime's log. */
export async function complaintIn(log: string, status: number | null): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  const messages = [...text.matchAll(/msg="((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? '');
  const last = messages.at(-1) ?? text.trim().split('\n').at(-1);
  return `the container runtime failed: ${last === undefined || last === '' ? `status ${status}` : last.replaceAll('\\"', '"')}`;
}
