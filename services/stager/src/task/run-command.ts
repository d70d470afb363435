import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Clock } from '@vcap/clock';
import { guardMemory } from '@vcap/warden';
import { StagingError } from '../domain/staging-error.ts';
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
  /** Resident memory that the command and its children may have together; looked at twice a second. */
  readonly memoryLimitMb?: number;
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
const MB = 1024 * 1024;

/**
 * Runs `argv` without a shell, as leader of its own process group, and resolves when it is gone.
 * Whatever is left of the group is killed then too.
 * @throws the signal's reason when aborted; StagingError `OutOfMemory` above `memoryLimitMb`; an Error when the program
 * cannot be started or is over `timeoutMs`
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
  let failure: Error | undefined;
  const killGroup = (): void => kill(child);
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : options.clock.setTimeout(() => {
          failure = new Error(`${argv[0]} ran longer than ${options.timeoutMs} ms`);
          killGroup();
        }, options.timeoutMs);
  const guard = watchMemory(child, options, (error) => {
    failure = error;
  });
  options.signal.addEventListener('abort', killGroup);
  try {
    const result = await ended(child, options);
    options.signal.throwIfAborted();
    if (failure) throw failure;
    return result;
  } finally {
    timer?.cancel();
    guard?.cancel();
    options.signal.removeEventListener('abort', killGroup);
  }
};

const watchMemory = (
  child: ChildProcess,
  { clock, memoryLimitMb }: RunOptions,
  onFailure: (error: StagingError) => void,
): { cancel(): void } | undefined => {
  if (memoryLimitMb === undefined || child.pid === undefined) return undefined;
  return guardMemory({
    clock,
    leaderPid: child.pid,
    limitBytes: memoryLimitMb * MB,
    onExceeded: (pids) => {
      onFailure(new StagingError('OutOfMemory', `staging needed more than ${memoryLimitMb} MB of memory`));
      kill(child);
      // Children that left the group: their parent is gone now, so nothing would find them later.
      for (const pid of pids) killOne(pid);
    },
  });
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
  if (child.pid !== undefined) killOne(-child.pid);
};

/** A negative number means a whole group. */
const killOne = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // ESRCH: it is gone.
  }
};
