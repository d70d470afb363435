import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobstoreError, sweepStale } from '@vcap/blobstore';
import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { ApiError } from '../errors.ts';
import { isFull } from './no-space.ts';
import { isOrphan, ownerTag } from './work-owner.ts';

const PREFIX = 'vcap-upload-';
/** No upload takes so long; controllers of several hosts may use one folder, so younger ones may be another's. */
const STALE_MS = 24 * 60 * 60 * 1000;

/** Folders for work in progress, one per upload; what a process that died left behind goes at the next start. */
export class WorkDirs {
  readonly #folder: string;
  readonly #log: Logger;

  constructor(folder: string, clock: Clock, log: Logger) {
    this.#folder = folder;
    this.#log = log;
    mkdirSync(folder, { recursive: true });
    sweepStale(folder, clock.now() - STALE_MS, PREFIX);
    for (const name of readdirSync(folder))
      if (isOrphan(name, PREFIX)) rmSync(join(folder, name), { recursive: true, force: true });
  }

  /**
   * Gives `work` a folder that is gone afterwards whatever happens. A full disk, or a blobstore that is away, is a 402
   * with a plain text.
   */
  async use<T>(work: (folder: string) => Promise<T>): Promise<T> {
    let folder: string | undefined;
    try {
      folder = await mkdtemp(join(this.#folder, `${PREFIX}${ownerTag()}`));
      return await work(folder);
    } catch (error) {
      if (error instanceof BlobstoreError) {
        this.#log.error({ event: 'blobstore-failed', err: error });
        throw new ApiError(402, 'the files cannot be kept now; try again in a minute');
      }
      if (!isFull(error)) throw error;
      this.#log.error({ event: 'upload-disk-full', err: error });
      throw new ApiError(402, 'the server has no space left for this upload');
    } finally {
      if (folder !== undefined) {
        await rm(folder, { recursive: true, force: true }).catch((err: unknown) => {
          this.#log.warn({ event: 'upload-folder-not-removed', err });
        });
      }
    }
  }
}
