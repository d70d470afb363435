import { spawn } from 'node:child_process';

export interface RunOptions {
  /** Milliseconds after which it and all it started are killed; a minute by default. */
  timeoutMs?: number;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** What it reads; nothing by default. */
  input?: string;
}
export interface Ended {
  status: number;
  stdout: string;
  /** Both streams as they came. */
  output: string;
}

/** What it left running may keep the pipes: so long after its own end no more is waited for. */
const lingerMs = 1000;

/** Runs a program to its end; a status other than 0 is an answer, as is 124 after the time. Never rejects. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { timeoutMs = 60_000, env, cwd, input } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, { detached: true, env, cwd, stdio: 'pipe' });
    // It may end before it has read all.
    child.stdin.on('error', () => undefined).end(input);
    let stdout = '';
    let output = '';
    const take = (text: string): void => {
      output = (output + text).slice(-1_000_000);
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      take(text);
    });
    child.stderr.setEncoding('utf8').on('data', take);
    let late = '';
    const timer = setTimeout(() => {
      late = `\n${program} took longer than ${timeoutMs / 1000} s`;
      try {
        process.kill(-(child.pid as number), 'SIGKILL');
      } catch {
        // It ended just now.
      }
    }, timeoutMs);
    const end = (status: number, why: string): void => {
      clearTimeout(timer);
      resolve({ status, stdout, output: output + why });
    };
    child.once('error', (error) => end(127, `${program}: ${error.message}`));
    child.once('exit', (code) => {
      clearTimeout(timer);
      const all = (): void => {
        clearTimeout(linger);
        end(late === '' ? (code ?? 1) : 124, late);
      };
      const linger = setTimeout(all, lingerMs);
      child.once('close', all);
    });
  });
}

/** Runs a program that must succeed. */
export async function must(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const ended = await run(program, args, options);
  if (ended.status === 0) return ended;
  throw new Error(`${program} ${args.join(' ')} ended with ${ended.status}:\n${tail(ended.output, 50)}`);
}

/** The last lines, for a message. */
export const tail = (text: string, lines = 5): string => text.trim().split('\n').slice(-lines).join('\n');
