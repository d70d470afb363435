import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '@vcap/clock';
import type { Logger } from '@vcap/bus';
import type { Instance } from '../instance/instance.ts';
import { InstanceLog } from './instance-log.ts';
import type { InstanceLogOptions } from './instance-log.ts';

/** Settings of the log streams. */
export interface LogHubOptions extends InstanceLogOptions {
  clock: Clock;
  log: Logger;
  /** Directory of the instances' spools, by handle. */
  dir: string;
  /** Milliseconds between looks at the files. */
  intervalMs: number;
  /** How long the lines of a stopped instance can still be read. */
  lingerMs: number;
}

/** Of all files together at one look: a flood must not keep the DEA from its other work. */
const LOOK_BYTES = 8 * 1024 * 1024;
const MOST_OF_ONE = 1024 * 1024;
const LEAST_OF_ONE = 64 * 1024;

/**
 * The log streams of all instances. Nothing is shared between two of them: each has its own files, limits and spool,
 * and its share of every look.
 */
export class LogHub {
  private readonly options: LogHubOptions;
  private readonly logs = new Map<string, InstanceLog>();
  private readonly lingering = new Map<string, { id: string; index: number; timer: Timer }>();
  private timer: Timer | undefined;

  constructor(options: LogHubOptions) {
    this.options = options;
  }

  /** Removes what belongs to none of these handles and begins to look. */
  async start(known: ReadonlySet<string>): Promise<void> {
    const { clock, dir, intervalMs } = this.options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(dir))
      if (!known.has(name)) await rm(join(dir, name), { recursive: true, force: true });
    this.timer = clock.setInterval(() => this.look(), intervalMs);
  }

  async stop(): Promise<void> {
    this.timer?.cancel();
    for (const { timer } of this.lingering.values()) timer.cancel();
    await Promise.allSettled([...this.logs.values()].map((log) => log.close()));
    this.logs.clear();
  }

  /** Opens the stream of an instance; one that was there before goes on with its numbers. */
  async open(instance: Instance): Promise<void> {
    if (this.logs.has(instance.handle)) return;
    const log = new InstanceLog(this.options, join(this.options.dir, instance.handle));
    this.logs.set(instance.handle, log);
    await this.attempt(instance, log.open(instance.state === 'CRASHED' || instance.exitTold));
  }

  /** Begins to read what the instance writes. */
  follow(instance: Instance): void {
    this.logs.get(instance.handle)?.follow(instance.rootDir);
  }

  /** Tells the readers something of the DEA's own. */
  note(instance: Instance, text: string): void {
    const log = this.logs.get(instance.handle);
    if (log !== undefined) void this.attempt(instance, log.note(text));
  }

  /** Reads the rest and lets go of the instance's files: they may be removed or unmounted then. Never rejects. */
  async finish(instance: Instance, lastWords: string): Promise<void> {
    const log = this.logs.get(instance.handle);
    if (log !== undefined) await this.attempt(instance, log.finish(lastWords));
  }

  /** The instance was forgotten; followers get what is left for a while. */
  forget(instance: Instance): void {
    const { handle, id } = instance;
    const log = this.logs.get(handle);
    if (log === undefined || this.lingering.has(handle)) return;
    const timer = this.options.clock.setTimeout(() => {
      this.lingering.delete(handle);
      this.logs.delete(handle);
      void this.attempt(instance, log.remove());
    }, this.options.lingerMs);
    this.lingering.set(handle, { id, index: instance.message.index, timer });
  }

  /** The log of an instance that is there. */
  of(handle: string): InstanceLog | undefined {
    return this.logs.get(handle);
  }

  /** The log of an instance that is no more, by its last id. */
  gone(id: string): { index: number; log: InstanceLog } | undefined {
    for (const [handle, { id: was, index }] of this.lingering) {
      const log = this.logs.get(handle);
      if (was === id && log !== undefined) return { index, log };
    }
    return undefined;
  }

  private look(): void {
    const share = LOOK_BYTES / Math.max(1, this.logs.size * 2);
    const maxBytes = Math.round(Math.min(MOST_OF_ONE, Math.max(LEAST_OF_ONE, share)));
    for (const [handle, log] of this.logs)
      void log
        .pump(maxBytes)
        .catch((error: unknown) => this.options.log.warn({ event: 'log-read-failed', handle, err: error }));
  }

  private async attempt(instance: Instance, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.options.log.warn({
        event: 'log-failed',
        instance: instance.id,
        trace_id: instance.trace.traceId,
        err: error,
      });
    }
  }
}
