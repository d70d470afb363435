import { spawn } from 'node:child_process';

export interface RunOptions {
  /** Milliseconds after which it and all it started are killed; a minute by default. */
  timeoutMs?: number;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Given to its standard input. */
  input?: string;
  /** Its lines are shown as they come, as of something that takes long. */
  show?: boolean;
}
export interface Ended {
  status: number;
  stdout: string;
  /** Both streams as they came. */
  output: string;
}

/** Runs a program to its end; a status other than 0 is an answer, as is 124 after the time. Never rejects. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { timeoutMs = 60_000, env = process.env, cwd, input, show = false } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      detached: true,
      env,
      ...(cwd === undefined ? {} : { cwd }),
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let output = '';
    const take = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-1_000_000);
      if (show) process.stderr.write(chunk);
    };
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      take(chunk);
    });
    child.stderr?.on('data', take);
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
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
    // What it left running may keep the pipes: its own end counts.
    child.once('exit', (code) =>
      late
        ? end(124, `\n${program} took longer than ${timeoutMs / 1000} s`)
        : setImmediate(() => end(code ?? 1, '')),
    );
  });
}

/** The last lines, for a message. */
export const tail = (text: string, lines = 5): string => text.trim().split('\n').slice(-lines).join('\n');
