import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Clock } from '@vcap/clock';
import { READ, openFileBeneath } from '../files/beneath.ts';
import type { OutputChunk, OutputSource } from '../types.ts';

const CHUNK_BYTES = 64 * 1024;
/** The kernel tells of new output; this is for what it cannot tell, as a file that comes later. */
const POLL_MS = 250;

/** What is followed. */
export interface FollowOptions {
  clock: Clock;
  rootDir: string;
  paths: Record<OutputSource, string>;
  from: Partial<Record<OutputSource, number>>;
  /** Aborted when the application has ended: what is there is read, then it is over. */
  ended: AbortSignal;
  signal?: AbortSignal;
}

/** Reads both output files as they grow. */
export async function* follow(options: FollowOptions): AsyncGenerator<OutputChunk> {
  const { clock, ended, signal } = options;
  const wake = new Wake(clock);
  const onAbort = (): void => wake.up();
  ended.addEventListener('abort', onAbort);
  signal?.addEventListener('abort', onAbort);
  const tails = (['stdout', 'stderr'] as const).map((source) => new Tail(source, options, wake));
  try {
    for (;;) {
      const last = ended.aborted;
      let read = false;
      for (const tail of tails) {
        for (;;) {
          if (signal?.aborted) return;
          const chunk = await tail.next();
          if (chunk === undefined) break;
          read = true;
          yield chunk;
        }
      }
      if (last && !read) return;
      if (!read) await wake.wait();
    }
  } finally {
    ended.removeEventListener('abort', onAbort);
    signal?.removeEventListener('abort', onAbort);
    for (const tail of tails) await tail.close();
  }
}

/** Waits for a nudge; one that came while nobody waited counts. */
class Wake {
  private readonly clock: Clock;
  private controller = new AbortController();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  up(): void {
    this.controller.abort();
  }

  async wait(): Promise<void> {
    await this.clock.sleep(POLL_MS, this.controller.signal);
    this.controller = new AbortController();
  }
}

/** One output file. */
class Tail {
  private readonly source: OutputSource;
  private readonly options: FollowOptions;
  private readonly wake: Wake;
  private readonly buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  private offset: number;
  private file: FileHandle | undefined;
  private watcher: FSWatcher | undefined;

  constructor(source: OutputSource, options: FollowOptions, wake: Wake) {
    this.source = source;
    this.options = options;
    this.wake = wake;
    this.offset = options.from[source] ?? 0;
  }

  async next(): Promise<OutputChunk | undefined> {
    const file = (this.file ??= await this.open());
    if (file === undefined) return undefined;
    if ((await file.stat()).size < this.offset) this.offset = 0; // it was cut
    const { bytesRead } = await file.read(this.buffer, 0, CHUNK_BYTES, this.offset);
    if (bytesRead === 0) return undefined;
    this.offset += bytesRead;
    const data = Buffer.from(this.buffer.subarray(0, bytesRead));
    return { source: this.source, data, nextOffset: this.offset };
  }

  async close(): Promise<void> {
    this.watcher?.close();
    await this.file?.close();
  }

  private async open(): Promise<FileHandle | undefined> {
    const { paths, rootDir } = this.options;
    try {
      const file = await openFileBeneath(rootDir, relative(rootDir, paths[this.source]), READ);
      if ((await file.stat()).isFile()) {
        this.watcher = watch(`/proc/self/fd/${file.fd}`, { persistent: false }, () => this.wake.up());
        this.watcher.on('error', () => undefined);
        return file;
      }
      await file.close();
    } catch {
      // not there yet, or no file of the kind that we read
    }
    return undefined;
  }
}
