import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '@vcap/clock';
import { systemClock } from '@vcap/clock';
import { checkKey, NoSpaceError, Sha1MismatchError } from './blobstore.ts';
import type { BlobInfo, Blobstore, PutOptions } from './blobstore.ts';
import { copyToNewFile } from './copy-to-new-file.ts';
import { Measure } from './measure.ts';
import { sweepStale } from './sweep.ts';

/**
 * A write that got no byte for this long is dead. Several controllers may share one disk, so what is younger may be
 * another's and stays.
 */
const STALE_MS = 60 * 60 * 1000;
const CHUNK_BYTES = 256 * 1024;

/** Opens a store in a directory, which is made when absent. Half-written files of processes that died are removed. */
export function createDiskBlobstore(options: { root: string; clock?: Clock }): Blobstore {
  return new DiskBlobstore(options.root, options.clock ?? systemClock);
}

/**
 * One file per key, `<all words but the last>/~<2 characters>/~<2 characters>/<last word>`: the last word's first four
 * characters make two levels of folders, so that no folder grows huge. No word has a `~`, so no folder can take the
 * place of a blob.
 */
class DiskBlobstore implements Blobstore {
  readonly #root: string;
  readonly #tmp: string;

  constructor(root: string, clock: Clock) {
    this.#root = join(root, 'blobs');
    this.#tmp = join(root, 'tmp');
    mkdirSync(this.#root, { recursive: true });
    mkdirSync(this.#tmp, { recursive: true });
    sweepStale(this.#tmp, clock.now() - STALE_MS);
  }

  async put(key: string, source: Readable, options: PutOptions = {}): Promise<BlobInfo> {
    const target = this.#path(key);
    return this.#withTemporary(async (temporary) => {
      const measure = new Measure();
      await pipeline(source, measure, createWriteStream(temporary, { mode: 0o600, flush: true }));
      const sha1 = measure.sha1();
      if (options.expectedSha1 !== undefined && options.expectedSha1.toLowerCase() !== sha1) {
        throw new Sha1MismatchError(options.expectedSha1, sha1);
      }
      await publish(temporary, target, true);
      return { sha1, size: measure.byteCount };
    });
  }

  async putFile(key: string, path: string, options: { durable?: boolean | undefined } = {}): Promise<void> {
    const target = this.#path(key);
    const durable = options.durable ?? true;
    if (durable) await flush(path);
    try {
      await publish(path, target, durable);
    } catch (error) {
      if (codeOf(error) !== 'EXDEV') throw asNoSpace(error);
      await this.#withTemporary(async (temporary) => {
        await copyFile(path, temporary);
        if (durable) await flush(temporary);
        await publish(temporary, target, durable);
      });
      await rm(path, { force: true });
    }
  }

  async open(key: string): Promise<{ size: number; body: Readable } | undefined> {
    // One handle for size and content: a replacement in between cannot mix two versions.
    const handle = await open(this.#path(key), 'r').catch(absent);
    if (!handle) return undefined;
    const { size } = await handle.stat();
    // No more memory than there is to read: an application can have thousands of small files.
    return {
      size,
      body: handle.createReadStream({ highWaterMark: Math.min(Math.max(size, 1), CHUNK_BYTES) }),
    };
  }

  async copyToFile(key: string, path: string): Promise<boolean> {
    const source = this.#path(key);
    try {
      // Blobs are replaced, never written to, so a second name is as good as a copy.
      await link(source, path);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw error;
    }
    const found = await this.open(key);
    if (!found) return false;
    try {
      await copyToNewFile(found.body, path);
      return true;
    } catch (error) {
      throw asNoSpace(error);
    }
  }

  async head(key: string): Promise<{ size: number } | undefined> {
    const found = await stat(this.#path(key)).catch(absent);
    return found && { size: found.size };
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async list(prefix?: string): Promise<{ key: string; changedAt: number }[]> {
    const folder = prefix === undefined ? this.#root : join(this.#root, ...checkKey(prefix).split('/'));
    const entries = (await readdir(folder, { recursive: true, withFileTypes: true }).catch(absent)) ?? [];
    const listed: { key: string; changedAt: number }[] = [];
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const words = relative(this.#root, path).split('/');
      words.splice(-3, 2);
      const found = await stat(path).catch(absent);
      if (found) listed.push({ key: words.join('/'), changedAt: found.mtimeMs });
    }
    return listed;
  }

  #path(key: string): string {
    const words = checkKey(key).split('/');
    const name = words.pop() ?? '';
    const padded = name.replaceAll('.', '_').padEnd(4, '_');
    return join(this.#root, ...words, `~${padded.slice(0, 2)}`, `~${padded.slice(2, 4)}`, name);
  }

  /** Runs `work` with the name of a new file; whatever is left of it afterwards goes away. */
  async #withTemporary<T>(work: (temporary: string) => Promise<T>): Promise<T> {
    const temporary = join(this.#tmp, randomUUID());
    try {
      return await work(temporary);
    } catch (error) {
      await rm(temporary, { force: true });
      throw asNoSpace(error);
    }
  }
}

/** Makes a whole file visible under its final name, and that lasting when `durable`. */
async function publish(file: string, target: string, durable: boolean): Promise<void> {
  const folder = dirname(target);
  try {
    await rename(file, target);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    const highest = await mkdir(folder, { recursive: true });
    await rename(file, target);
    if (highest !== undefined && durable) await flushUp(dirname(folder), dirname(highest));
  }
  if (durable) await flush(folder);
}

/** New folders last only once the folders they lie in are flushed. */
async function flushUp(from: string, to: string): Promise<void> {
  for (let folder = from; folder.length >= to.length; folder = dirname(folder)) await flush(folder);
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function absent(error: unknown): undefined {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  throw error;
}

function asNoSpace(error: unknown): unknown {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT' ? new NoSpaceError(error) : error;
}
