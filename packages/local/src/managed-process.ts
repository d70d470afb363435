import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { systemClock } from '@vcap/clock';
import { startTimeOf } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

export interface ProcessSpec {
  name: string;
  argv: [string, ...string[]];
  logFile: string;
  env?: Record<string, string>;
  /** How long TERM may take before KILL. */
  graceMs: number;
}

const mostLogBytes = 10_000_000;
const restartPausesMs = [200, 1000, 3000, 10_000];

/** One process of the cluster: output to its log file, started again when it dies unasked. */
export class ManagedProcess {
  readonly spec: ProcessSpec;
  readonly #changed: (line: string) => void;
  readonly #started: () => void;
  #child: ChildProcess | undefined;
  #identity: ProcessIdentity | undefined;
  #stopping = false;
  #deaths = 0;

  /** `changed` is told of deaths, in one line for people; `started` each time there is a new process. */
  constructor(spec: ProcessSpec, changed: (line: string) => void, started: () => void) {
    this.spec = spec;
    this.#changed = changed;
    this.#started = started;
  }

  get identity(): ProcessIdentity | undefined {
    return this.#identity;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  start(): void {
    const { name, argv, logFile, env } = this.spec;
    rotate(logFile);
    const log = openSync(logFile, 'a', 0o600);
    const [command, ...args] = argv;
    // A session of its own: Ctrl-C in the terminal reaches us alone, and we stop the parts in order.
    const child = spawn(command, args, {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#child = child;
    this.#identity =
      child.pid === undefined ? undefined : { name, pid: child.pid, startTime: startTimeOf(child.pid) ?? 0 };
    this.#started();
    child.once('error', (error) => this.#changed(`${name} cannot be started: ${error.message}`));
    child.once('exit', (code, signal) => this.#died(child, signal ?? `status ${code}`));
  }

  /** TERM, then KILL after the grace; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || !this.running) return;
    const gone = new Promise<'gone'>((resolve) => child.once('exit', () => resolve('gone')));
    child.kill('SIGTERM');
    const abort = new AbortController();
    const first = await Promise.race([
      gone,
      systemClock.sleep(this.spec.graceMs, abort.signal).then(() => 'late'),
    ]);
    abort.abort();
    if (first === 'late') {
      this.#changed(`${this.spec.name} did not stop in ${this.spec.graceMs / 1000} s and was killed`);
      child.kill('SIGKILL');
      await gone;
    }
  }

  #died(child: ChildProcess, how: string): void {
    if (this.#stopping || child !== this.#child) return;
    const pause = restartPausesMs[Math.min(this.#deaths++, restartPausesMs.length - 1)] ?? 10_000;
    this.#changed(`${this.spec.name} ended (${how}); starting it again. See ${this.spec.logFile}`);
    systemClock.setTimeout(() => {
      if (!this.#stopping) this.start();
    }, pause);
  }
}

function rotate(logFile: string): void {
  try {
    if (statSync(logFile).size > mostLogBytes) renameSync(logFile, `${logFile}.1`);
  } catch {
    // no log yet
  }
}
