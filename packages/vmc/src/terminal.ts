import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { VmcError } from './errors.ts';

/** Ctrl-C and a polite end go to the listener until that is undone. */
export function onInterrupt(listener: () => void): () => void {
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return () => {
    process.off('SIGINT', listener);
    process.off('SIGTERM', listener);
  };
}

/** Runs a program in this terminal. No shell is involved; its status is that of a shell for one that a signal ended. */
export function runProgram(
  [program, ...args]: [string, ...string[]],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    const end = (): void => void child.kill('SIGTERM');
    signal.addEventListener('abort', end, { once: true });
    child.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'ENOENT' ? 'it is not installed' : cause.message;
      reject(
        new VmcError(`${program} cannot be started: ${why}`, {
          hint: 'Install it, or use `none` and another program.',
          cause,
        }),
      );
    });
    child.once('exit', (status, name) => {
      signal.removeEventListener('abort', end);
      resolve(status ?? 128 + (name === null ? 0 : constants.signals[name]));
    });
  });
}
