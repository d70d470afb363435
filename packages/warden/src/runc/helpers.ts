import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { OWNER_VARIABLE } from './owner.ts';

/** Where the host's tools are. */
export const HOST_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const LONGEST_COMPLAINT = 4096;

/** A tool of the host that did not do what it was asked. */
export class HelperError extends Error {
  readonly status: number | null;

  constructor(command: string, status: number | null, complaint: string) {
    super(`${command} failed${complaint === '' ? ` with status ${status}` : `: ${complaint}`}`);
    this.name = 'HelperError';
    this.status = status;
  }
}

/** Starts the host's tools, not too many at once, marked so that a sweep finds those that lost their warden. */
export class Helpers {
  readonly env: Record<string, string>;
  private readonly most: number;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(marker: string, most: number) {
    this.env = { PATH: HOST_PATH, LANG: 'C.UTF-8', [OWNER_VARIABLE]: marker };
    this.most = most;
  }

  /** Runs a tool to its end; rejects with its first words of complaint when its status is not 0. */
  async run(
    argv: readonly [string, ...string[]],
    options: { input?: string; fds?: number[] } = {},
  ): Promise<void> {
    await this.enter();
    try {
      const stdio: StdioOptions = [options.input === undefined ? 'ignore' : 'pipe', 'ignore', 'pipe'];
      const child = this.start(argv, [...stdio, ...(options.fds ?? [])]);
      await ended(child, argv[0], options.input);
    } finally {
      this.leave();
    }
  }

  /** Runs a tool whose descendants keep its output open, so that only its end can be waited for. */
  async runDetached(argv: readonly [string, ...string[]], fds: number[]): Promise<number | null> {
    await this.enter();
    try {
      const child = this.start(argv, ['ignore', 'ignore', 'ignore', ...fds]);
      return await new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', resolve);
      });
    } finally {
      this.leave();
    }
  }

  start(argv: readonly [string, ...string[]], stdio: StdioOptions): ChildProcess {
    return spawn(argv[0], argv.slice(1), { env: this.env, cwd: '/', stdio });
  }

  private async enter(): Promise<void> {
    if (this.running >= this.most) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running += 1;
  }

  /** Hands the place on, or gives it back. */
  private leave(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.running -= 1;
    else next();
  }
}

function ended(child: ChildProcess, command: string, input: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let complaint = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (complaint.length < LONGEST_COMPLAINT) complaint += text;
    });
    child.once('error', reject);
    child.stdin?.on('error', () => undefined); // its status tells
    if (input !== undefined) child.stdin?.end(input);
    child.once('close', (status) => {
      if (status === 0) resolve();
      else reject(new HelperError(command, status, complaint.trim().slice(0, 500)));
    });
  });
}
