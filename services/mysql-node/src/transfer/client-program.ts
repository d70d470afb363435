import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

const MESSAGE_LIMIT = 4096;

/** How a client program ended. */
export interface ClientEnd {
  ok: boolean;
  /** The end of what it said on stderr, without warnings: options that only the other make of client knows. */
  message: string;
}
export interface ClientProgram {
  child: ChildProcess;
  end: Promise<ClientEnd>;
}

/** Starts `mysql` or `mysqldump` with an option file as its only configuration; ends it when the signal aborts. */
export function startClient(
  program: string,
  file: string,
  args: readonly string[],
  signal: AbortSignal,
): ClientProgram {
  const child = spawn(program, [`--defaults-file=${file}`, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
  });
  let message = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    message = (message + text).slice(-MESSAGE_LIMIT);
  });
  const stop = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  const end = new Promise<ClientEnd>((resolve) => {
    child.once('error', (error) => resolve({ ok: false, message: error.message }));
    child.once('close', (code) => resolve({ ok: code === 0, message: withoutWarnings(message) }));
  }).finally(() => signal.removeEventListener('abort', stop));
  return { child, end };
}

const withoutWarnings = (message: string): string =>
  message
    .split('\n')
    .filter((line) => !/^(\S+: )?\[?Warning\b/i.test(line))
    .join('\n')
    .trim();

/** What a user may read of it: the server's own words. */
export function saidByServer(message: string): string {
  const line = message.split('\n').find((each) => /ERROR|error:/.test(each)) ?? message.split('\n').at(-1);
  return (line ?? '').slice(0, 300) || 'no reason given';
}
