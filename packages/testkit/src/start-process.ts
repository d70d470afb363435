import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { unwatchGroup, watchGroup } from './reaper.ts';
import { waitFor } from './wait-for.ts';

/** What to run and when it counts as started. */
export interface ProcessOptions {
  /** Program and arguments; no shell is involved. */
  argv: readonly [string, ...string[]];
  /** The whole environment of the process; the caller's own by default. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Run as this user and group (only root may). */
  uid?: number;
  gid?: number;
  /** A text or pattern in the output, or a condition that gives a truthy value; ready at once by default. */
  readyWhen?: string | RegExp | ((running: RunningProcess) => unknown);
  /** Milliseconds until `readyWhen` must have come true; 15000 by default. */
  readyTimeoutMs?: number;
}

/** A process with a group of its own, which ends with the test process at the latest. */
export interface RunningProcess {
  readonly pid: number;
  /** The last 256 KiB of stdout and stderr, interleaved as they came. */
  output(): string;
  /** Whether it still runs. */
  readonly running: boolean;
  /** The exit status, or the signal's name, once it has ended. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Sends a signal to the process alone. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL to the whole group after `graceMs` (5000); resolves when it has ended. */
  stop(graceMs?: number): Promise<number | NodeJS.Signals>;
  /** SIGKILL to the whole group; resolves when it has ended. */
  kill(): Promise<void>;
}

const OUTPUT_LIMIT = 256 * 1024;

/** Starts a process and waits until it is ready. Rejects, with its output in the error, when it ends or never is. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const [program, ...args] = options.argv;
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    cwd: options.cwd,
    uid: options.uid,
    gid: options.gid,
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) =>
      reject(new Error(`cannot run ${program}: ${error.message}`, { cause: error })),
    );
  });
  const running = watch(child, child.pid as number);
  try {
    await ready(running, options);
  } catch (error) {
    await running.kill();
    throw new Error(`${program}: ${(error as Error).message}\n--- its output ---\n${running.output()}`, {
      cause: error,
    });
  }
  return running;
}

function watch(child: ChildProcess, pid: number): RunningProcess {
  watchGroup(pid);
  const state = { output: '', running: true };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      state.output = (state.output + text).slice(-OUTPUT_LIMIT);
    });
  }
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => {
      state.running = false;
      killGroup(pid); // what the leader left behind must not outlive it
      unwatchGroup(pid);
      resolve(code ?? signal ?? 0);
    });
  });
  return {
    pid,
    exited,
    output: () => state.output,
    get running() {
      return state.running;
    },
    signal: (signal) => void (state.running && child.kill(signal)),
    async stop(graceMs = 5000) {
      if (!state.running) return exited;
      child.kill('SIGTERM');
      const timer = setTimeout(() => killGroup(pid), graceMs);
      const status = await exited;
      clearTimeout(timer);
      return status;
    },
    async kill() {
      if (state.running) killGroup(pid);
      await exited;
    },
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ended already
  }
}

async function ready(
  running: RunningProcess,
  { readyWhen, readyTimeoutMs = 15_000 }: ProcessOptions,
): Promise<void> {
  if (readyWhen === undefined) return;
  const isReady = async (): Promise<'ready' | 'ended' | false> => {
    if (!running.running) return 'ended';
    if (typeof readyWhen === 'string') return running.output().includes(readyWhen) && 'ready';
    if (readyWhen instanceof RegExp) return readyWhen.test(running.output()) && 'ready';
    return (await readyWhen(running)) ? 'ready' : false;
  };
  const what = typeof readyWhen === 'function' ? 'it to be ready' : `${String(readyWhen)} in its output`;
  const outcome = await waitFor(isReady, { timeoutMs: readyTimeoutMs, what });
  if (outcome === 'ended') throw new Error(`ended with ${await running.exited} before it was ready`);
}
