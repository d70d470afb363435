import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { retry } from '@vcap/clock';
import type { Clock } from '@vcap/clock';
import type { Logger, Trace } from '@vcap/bus';
import { download, sha1Of } from './download.ts';

/** Settings of the cache. */
export interface DropletCacheOptions {
  clock: Clock;
  log: Logger;
  /** Finished droplets, named by digest. */
  dir: string;
  /** Unfinished ones; on the same file system. */
  tmpDir: string;
  maxBytes: number;
  retryDelayMs?: number;
}

/** A droplet that somebody wants. */
export interface WantedDroplet {
  /** Hex digest. */
  sha1: string;
  /** May hold credentials: never log it. */
  uri: string;
  /** Whose start it is for; of several that wait for one download, the first's. */
  trace: Trace;
}

/** Droplets by digest: one download per digest at a time, checked while it streams and again before each use. */
export class DropletCache {
  private readonly options: DropletCacheOptions;
  private readonly fetching = new Map<string, Promise<void>>();
  private readonly inUse = new Map<string, number>();

  constructor(options: DropletCacheOptions) {
    this.options = options;
  }

  /** Makes the directories, drops what a dead DEA left unfinished, and keeps the budget, which may be a smaller one now. */
  async start(): Promise<void> {
    await rm(this.options.tmpDir, { recursive: true, force: true });
    await mkdir(this.options.tmpDir, { recursive: true, mode: 0o700 });
    await mkdir(this.options.dir, { recursive: true, mode: 0o700 });
    await this.trim();
  }

  /** Calls `use` with the path of the verified droplet, which stays there meanwhile. */
  async withDroplet(wanted: WantedDroplet, use: (path: string) => Promise<void>): Promise<void> {
    const digest = wanted.sha1.toLowerCase();
    const { traceId } = wanted.trace;
    this.inUse.set(digest, (this.inUse.get(digest) ?? 0) + 1);
    try {
      const path = this.path(digest);
      await this.ensure({ ...wanted, sha1: digest });
      const now = new Date(this.options.clock.now());
      await utimes(path, now, now);
      await use(path);
    } finally {
      const left = (this.inUse.get(digest) ?? 1) - 1;
      if (left > 0) this.inUse.set(digest, left);
      else this.inUse.delete(digest);
      await this.trim().catch((error: unknown) =>
        this.options.log.warn({ event: 'droplet-trim-failed', trace_id: traceId, err: error }),
      );
    }
  }

  private path(sha1: string): string {
    return join(this.options.dir, `${sha1}.tgz`);
  }

  private ensure(wanted: WantedDroplet): Promise<void> {
    const { sha1 } = wanted;
    let fetch = this.fetching.get(sha1);
    if (fetch === undefined) {
      fetch = this.fetch(wanted).finally(() => this.fetching.delete(sha1));
      this.fetching.set(sha1, fetch);
    }
    return fetch;
  }

  private async fetch({ sha1, trace, uri }: WantedDroplet): Promise<void> {
    const { clock, tmpDir, retryDelayMs } = this.options;
    const log = this.options.log.child({ trace_id: trace.traceId, sha1 });
    const cached = await sha1Of(this.path(sha1)).catch(() => undefined);
    if (cached === sha1) return;
    if (cached !== undefined) {
      log.warn({ event: 'droplet-cache-damaged' });
      await rm(this.path(sha1), { force: true });
    }
    await retry(clock, { attempts: 3, delayMs: retryDelayMs ?? 500, factor: 2 }, async (attempt) => {
      const pending = join(tmpDir, `${sha1}-${randomBytes(4).toString('hex')}`);
      try {
        await download({ uri, sha1, trace }, pending);
        await rename(pending, this.path(sha1));
      } catch (error) {
        log.warn({ event: 'droplet-download-failed', attempt, error: (error as Error).message });
        throw error;
      } finally {
        await rm(pending, { force: true });
      }
    });
  }

  /** Removes what nobody uses, the longest unused first, until the budget is kept. */
  private async trim(): Promise<void> {
    const files: { path: string; sha1: string; size: number; usedAt: number }[] = [];
    for (const name of await readdir(this.options.dir)) {
      const path = join(this.options.dir, name);
      const found = await stat(path).catch(() => undefined);
      if (found)
        files.push({ path, sha1: name.replace('.tgz', ''), size: found.size, usedAt: found.mtimeMs });
    }
    let total = files.reduce((sum, file) => sum + file.size, 0);
    for (const file of files.sort((a, b) => a.usedAt - b.usedAt)) {
      if (total <= this.options.maxBytes) return;
      if (this.inUse.has(file.sha1)) continue;
      await rm(file.path, { force: true });
      total -= file.size;
    }
  }
}
