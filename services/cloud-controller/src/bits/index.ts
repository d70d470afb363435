import { tmpdir } from 'node:os';
import { createDiskBlobstore } from '@vcap/blobstore';
import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { Bits } from '../ports.ts';
import { BlobBits } from './blob-bits.ts';

export interface BitsOptions {
  /** Directory of the blobstore. */
  root: string;
  /** Where uploads are unpacked. */
  tmpdir?: string | undefined;
  log: Logger;
  clock: Clock;
  /** Largest application, packed and unpacked; 512 MiB by default. */
  maxPackageBytes?: number | undefined;
  maxEntries?: number | undefined;
}

/** Packages, droplets and the pool of files, in a blobstore on disk. */
export function createBits(options: BitsOptions): Bits {
  return new BlobBits({
    blobstore: createDiskBlobstore({ root: options.root }),
    tmpDir: options.tmpdir ?? tmpdir(),
    log: options.log,
    mostBytes: options.maxPackageBytes ?? 512 * 1024 * 1024,
    mostEntries: options.maxEntries ?? 100_000,
  });
}
