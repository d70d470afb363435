import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Clock } from '@vcap/clock';
import { LineSplitter } from './line-splitter.ts';

/** How one command runs. */
export interface RunOptions {
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Aborting kills the whole process group; the abort reason is thrown. */
  readonly signal: AbortSignal;
  /** Each line of stdout and stderr, without its end. */
  readonly onLine: (line: string) => void;
  /** Own limit in ms, on top of `signal`. */
  readonly timeoutMs?: number;
  /** Unprivileged user to run as; only root may set it. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** File descriptor that takes stdout in place of `onLine`. */
  readonly stdoutFd?: number;
}

/** How a command ended by itself. */
export interface RunResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const PIPE_GRACE_MS = 1000;

/**
 * Runs `argv` without a shell, as leader of its own process group, and resolves when it is gone.
 * Whatever is left of the group is killed then too.
 * @throws the signal's reason when aborted; an Error when the program cannot be started or is over `timeoutMs`
 */
export const runCommand = async (
  argv: readonly [string, ...string[]],
  options: RunOptions,
): Promise<RunResult> => {
  options.signal.throwIfAborted();
  const child = spawn(argv[0], argv.slice(1), {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', options.stdoutFd ?? 'pipe', 'pipe'],
    ...options.user,
  });
  let overTime = false;
  const killGroup = (): void => kill(child);
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : options.clock.setTimeout(() => {
          overTime = true;
          killGroup();
        }, options.timeoutMs);
  options.signal.addEventListener('abort', killGroup);
  try {
    const result = await ended(child, options);
    options.signal.throwIfAborted();
    if (overTime) throw new Error(`${argv[0]} ran longer than ${options.timeoutMs} ms`);
    return result;
  } finally {
    timer?.cancel();
    options.signal.removeEventListener('abort', killGroup);
  }
};

const ended = (child: ChildProcess, options: RunOptions): Promise<RunResult> =>
  new Promise((resolve, reject) => {
    follow(child.stdout, options.onLine);
    follow(child.stderr, options.onLine);
    child.once('error', reject);
    child.once('exit', () => {
      kill(child);
      // A process that left the group may hold the pipes open: do not wait for it for ever.
      const grace = options.clock.setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, PIPE_GRACE_MS);
      child.once('close', () => grace.cancel());
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });

const follow = (stream: Readable | null, onLine: (line: string) => void): void => {
  if (!stream) return;
  const lines = new LineSplitter(onLine);
  stream.on('data', (chunk: Buffer) => lines.push(chunk));
  stream.once('close', () => lines.end());
};

const kill = (child: ChildProcess): void => {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ESRCH: the whole group is gone.
  }
};
