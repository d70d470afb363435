import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Clock } from '@vcap/clock';
import type { RunOptions } from '../types.ts';

/** Output that a process which left the group keeps open is not waited for longer than this. */
const PIPE_GRACE_MS = 1000;

/** Runs a command as leader of its own process group; what is left of the group is killed when it has ended. */
export function runProcess(
  clock: Clock,
  options: RunOptions,
  place: { cwd: string; env: Record<string, string> },
): Promise<number> {
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(options.argv[0], options.argv.slice(1), {
      ...place,
      detached: true,
      stdio: [options.stdin ?? 'ignore', options.stdout ?? 'pipe', 'pipe'],
    });
    const killGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // nothing is left of it
      }
    };
    child.stdout?.on('data', (chunk: Buffer) => options.onOutput?.(chunk, 'stdout'));
    child.stderr?.on('data', (chunk: Buffer) => options.onOutput?.(chunk, 'stderr'));
    options.signal?.addEventListener('abort', killGroup, { once: true });
    child.once('error', reject);
    child.once('exit', () => {
      killGroup();
      const grace = clock.setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, PIPE_GRACE_MS);
      child.once('close', () => grace.cancel());
    });
    child.once('close', (code, signal) => {
      options.signal?.removeEventListener('abort', killGroup);
      if (options.signal?.aborted) reject(options.signal.reason as Error);
      else resolve(code ?? 128 + (signalNumber(signal) ?? 0));
    });
  });
}

function signalNumber(signal: NodeJS.Signals | null): number | undefined {
  return signal === null ? undefined : constants.signals[signal];
}
