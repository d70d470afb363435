import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** What a running nginx needs. */
export interface NginxOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly program: string;
  readonly directory: string;
  readonly config: string;
  readonly pidFile: string;
  /** A socket file it makes; one that was killed leaves it, and the next could not make its own. */
  readonly socketFile: string;
  /** Bound sockets it takes over instead of opening its own. */
  readonly sockets: () => readonly number[];
  /** Called when it ended though nobody had told it to. */
  readonly died: (code: number | null, signal: string | null) => void;
}

const firstFd = 3;
const leftoverMs = 3000;
const pollMs = 50;

/** One nginx master, a child of this process: it is tested, started, reloaded and ended here. */
export class NginxProcess {
  readonly #options: NginxOptions;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #ending = false;

  constructor(options: NginxOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Has nginx read the configuration; rejects with what it says of it. */
  async test(config = this.#options.config): Promise<void> {
    const child = this.#spawn(['-t', '-q', '-c', config], []);
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new Error(`nginx refuses its configuration: ${said.trim()}`);
  }

  /** Starts it. */
  start(): void {
    const { config, sockets, log, died, socketFile } = this.#options;
    this.#ending = false;
    rmSync(socketFile, { force: true });
    const child = this.#spawn(['-c', config], sockets());
    this.#child = child;
    if (child.stderr !== null)
      createInterface({ input: child.stderr }).on('line', (said) => log.warn({ event: 'nginx-says', said }));
    this.#gone = new Promise((resolve) => {
      const ended = (code: number | null, signal: string | null): void => {
        if (this.#child === child) this.#child = undefined;
        resolve();
        if (!this.#ending) died(code, signal);
      };
      child.once('exit', ended);
      child.once('error', (error) => {
        log.error({ event: 'nginx-not-started', err: error });
        ended(null, null);
      });
    });
  }

  /** Has it read its configuration again: new workers take over, the old ones finish what they have. */
  reload(): void {
    this.#child?.kill('SIGHUP');
  }

  /** Ends it when what runs is done, or at once; resolves when it is gone. */
  async end(signal: 'SIGQUIT' | 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#ending = true;
    this.#child?.kill(signal);
    await this.#gone;
  }

  /** Ends one that a router which was killed has left behind in the same directory. */
  async endLeftover(): Promise<void> {
    const { pidFile, config, clock, log } = this.#options;
    const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).trim());
    if (!(pid > 1) || !(await isOurs(pid, config))) return;
    log.warn({ event: 'nginx-left-behind', pid });
    process.kill(pid, 'SIGQUIT');
    for (let waited = 0; waited < leftoverMs && (await isOurs(pid, config)); waited += pollMs)
      await clock.sleep(pollMs);
    if (await isOurs(pid, config)) process.kill(pid, 'SIGTERM');
  }

  #spawn(args: readonly string[], sockets: readonly number[]): ChildProcess {
    const { program, directory } = this.#options;
    const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], TZ: 'UTC' };
    // nginx's own way to hand sockets from one binary to the next.
    if (sockets.length > 0) env['NGINX'] = sockets.map((_fd, i) => `${firstFd + i};`).join('');
    return spawn(program, ['-p', directory, ...args], {
      env,
      stdio: ['ignore', 'inherit', 'pipe', ...sockets],
    });
  }
}

/** Whether a process is an nginx with this configuration. */
async function isOurs(pid: number, config: string): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return line.includes('nginx') && line.includes(config);
}
