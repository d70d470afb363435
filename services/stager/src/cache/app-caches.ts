import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { processStartTime } from '@vcap/component';

/** `<app>-<stamp>.tar`, or `draft-<pid>-<start time>-<app>` while it is written. */
const KEPT = /^([0-9a-f]{64})-([0-9a-z]+)\.tar$/;
const DRAFT = /^draft-(\d+)-(\d+)-/;
const UNSTAMPED = 'none';

/** Settings of {@link AppCaches}. */
export interface AppCachesOptions {
  readonly dir: string;
  /** All caches together; the longest unused go first. */
  readonly totalBytes: number;
  /** One that was not used for so long is removed. */
  readonly maxAgeMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What an app's last successful staging kept. */
export interface KeptCache {
  readonly archive: FileHandle;
  /** What it is complete for; undefined when nobody knows. */
  readonly stamp: string | undefined;
}

/**
 * The downloaded packages of each app, one archive each. The stager never looks into one: what a build script put there
 * is unpacked in a container of the same app and nowhere else.
 */
export class AppCaches {
  readonly #o: AppCachesOptions;
  #usage = { caches: 0, bytes: 0 };

  constructor(options: AppCachesOptions) {
    this.#o = options;
  }

  /** At the last sweep. */
  get usage(): { readonly caches: number; readonly bytes: number } {
    return this.#usage;
  }

  /** The cache of an app, which is hereby used; close its archive. */
  async open(appId: string): Promise<KeptCache | undefined> {
    for (const name of await readdir(this.#o.dir)) {
      const [, app, stamp] = KEPT.exec(name) ?? [];
      if (app !== nameOf(appId)) continue;
      const path = join(this.#o.dir, name);
      const archive = await open(path, 'r').catch(() => undefined);
      if (archive === undefined) continue;
      const now = this.#o.clock.now() / 1000;
      await utimes(path, now, now).catch(() => undefined);
      return { archive, stamp: stamp === UNSTAMPED ? undefined : stamp };
    }
    return undefined;
  }

  /** A path for a new archive of the app's; it counts when it is kept, and is gone with this process otherwise. */
  draft(appId: string, taskName: string): string {
    return join(
      this.#o.dir,
      `draft-${process.pid}-${processStartTime('self') ?? '0'}-${nameOf(appId)}-${taskName}`,
    );
  }

  /** Puts a draft in the place of what the app had. `stamp`: see {@link KeptCache}. */
  async keep(appId: string, draft: string, stamp: string | undefined): Promise<void> {
    const name = `${nameOf(appId)}-${stamp ?? UNSTAMPED}.tar`;
    await rename(draft, join(this.#o.dir, name));
    await this.#remove(appId, name);
    await this.sweep();
  }

  /** Forgets what the app has. */
  drop(appId: string): Promise<void> {
    return this.#remove(appId, undefined);
  }

  /** Removes what is too old or too much, and what dead stagers were writing. */
  async sweep(): Promise<void> {
    const { clock, dir, log, maxAgeMs, totalBytes } = this.#o;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const kept: { path: string; bytes: number; usedMs: number }[] = [];
    for (const name of await readdir(dir)) {
      const path = join(dir, name);
      const [, pid, startTime] = DRAFT.exec(name) ?? [];
      if (pid !== undefined && processStartTime(Number(pid)) !== startTime) await rm(path, { force: true });
      const found = KEPT.test(name) ? await stat(path).catch(() => undefined) : undefined;
      if (found) kept.push({ path, bytes: found.size, usedMs: found.mtimeMs });
    }
    kept.sort((a, b) => b.usedMs - a.usedMs);
    const usage = { caches: 0, bytes: 0 };
    for (const { bytes, path, usedMs } of kept) {
      if (usage.bytes + bytes <= totalBytes && clock.now() - usedMs <= maxAgeMs) {
        usage.caches += 1;
        usage.bytes += bytes;
      } else await rm(path, { force: true });
    }
    const removed = kept.length - usage.caches;
    if (removed > 0) log.info({ event: 'caches-removed', count: removed });
    this.#usage = usage;
  }

  async #remove(appId: string, except: string | undefined): Promise<void> {
    for (const name of await readdir(this.#o.dir)) {
      if (name !== except && KEPT.exec(name)?.[1] === nameOf(appId))
        await rm(join(this.#o.dir, name), { force: true });
    }
  }
}

/** App ids are anything: a digest is a file name. */
const nameOf = (appId: string): string => createHash('sha256').update(appId).digest('hex');
