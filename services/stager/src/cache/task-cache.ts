import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { throughPipe } from '../container/pipe.ts';
import type { TaskContainer } from '../container/task-container.ts';
import { StagingError } from '../domain/staging-error.ts';
import type { StagingHost } from '../task/task-host.ts';
import { SCRATCH } from '../task/workspace.ts';
import type { Workspace } from '../task/workspace.ts';

const MB = 1024 * 1024;
/** Of no use to a later install. */
const LEFT_OUT = ['./npm/_logs', './npm/_npx', './npm/_update-notifier-last-checked'];

/** What a {@link TaskCache} works with. */
export interface TaskCacheOptions {
  readonly host: Pick<StagingHost, 'caches' | 'clock' | 'config' | 'log'>;
  readonly appId: string;
  readonly workspace: Workspace;
  readonly container: TaskContainer;
  readonly say: (line: string) => void;
}

/** The package cache of one task: unpacked when it is first asked for, packed again when the task has something new. */
export class TaskCache {
  readonly #o: TaskCacheOptions;
  readonly #digest = createHash('sha1');
  #opened: Promise<string | undefined> | undefined;
  #stamped = true;

  constructor(options: TaskCacheOptions) {
    this.#o = options;
  }

  /**
   * The directory of `tool` in the cache, as commands see it. `lock`: the text that says all that will be installed; with
   * the same one again, there will be nothing new to keep.
   */
  async dir(tool: string, lock: string | undefined): Promise<string> {
    if (lock === undefined) this.#stamped = false;
    else this.#digest.update(`${tool}\0${lock}\0`);
    this.#opened ??= this.#restore();
    await this.#opened;
    return this.#o.container.path(`${SCRATCH.cache}/${tool}`);
  }

  /** Keeps the cache for the next staging if it has something new. Its failure is told and changes nothing. */
  async keep(): Promise<void> {
    const { appId, container, host, workspace } = this.#o;
    const { caches, clock, config, log } = host;
    const maxMb = config.cache.app_mb;
    if (this.#opened === undefined) return;
    const before = await this.#opened;
    if (before !== undefined && before === this.#stamp) return;
    const draft = caches.draft(appId, workspace.name);
    const began = clock.monotonic();
    try {
      const exclude = LEFT_OUT.map((path) => `--exclude=${path}`);
      const argv = ['tar', '-c', ...exclude, '-f', '-', '-C', container.path(SCRATCH.cache), '.'] as const;
      let bytes = 0;
      const status = await throughPipe(
        workspace.pipes.cache,
        (stdout, signal) => container.run(argv, { stdout, signal, cwd: '.' }),
        async (source) => {
          const count = new Transform({
            transform(chunk: Buffer, _encoding, done) {
              bytes += chunk.length;
              done(bytes > maxMb * MB ? new CacheTooLarge(maxMb) : null, chunk);
            },
          });
          await pipeline(source, count, createWriteStream(draft, { flags: 'wx', mode: 0o600 }));
        },
      );
      if (status !== 0) throw new Error(`tar ended with ${status}`);
      await caches.keep(appId, draft, this.#stamp);
      log.debug({ event: 'cache-kept', bytes, ms: Math.round(clock.monotonic() - began) });
    } catch (error) {
      await rm(draft, { force: true });
      // It only ever grows: the next staging downloads what it needs and starts a smaller one.
      if (error instanceof CacheTooLarge) await caches.drop(appId).catch(() => undefined);
      log.info({ event: 'cache-not-kept', reason: (error as Error).message });
    }
  }

  get #stamp(): string | undefined {
    return this.#stamped ? this.#digest.copy().digest('hex') : undefined;
  }

  /** The stamp of what was unpacked, if anything was. */
  async #restore(): Promise<string | undefined> {
    const { appId, container, host, say } = this.#o;
    const { caches, clock, log } = host;
    const kept = await caches.open(appId);
    if (kept === undefined) return undefined;
    const began = clock.monotonic();
    try {
      const where = ['-f', '-', '-C', container.path(SCRATCH.cache)];
      const { size } = await kept.archive.stat();
      const argv = ['tar', '-x', '--no-same-owner', ...where] as const;
      const status = await container.run(argv, { stdin: kept.archive.fd, cwd: '.' });
      if (status !== 0) {
        await caches.drop(appId);
        return undefined;
      }
      log.debug({ event: 'cache-unpacked', bytes: size, ms: Math.round(clock.monotonic() - began) });
      say(`Packages of the last staging: ${Math.ceil(size / 1024)} KB`);
      return kept.stamp;
    } catch (error) {
      // With less to unpack the next staging may have room.
      if (error instanceof StagingError && error.type.startsWith('OutOf')) await caches.drop(appId);
      throw error;
    } finally {
      await kept.archive.close();
    }
  }
}

class CacheTooLarge extends Error {
  override readonly name = 'CacheTooLarge';

  constructor(maxMb: number) {
    super(`the downloaded packages are more than ${maxMb} MB`);
  }
}
