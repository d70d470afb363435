import { join } from 'node:path';
import { createDiskBlobstore } from '@vcap/blobstore';
import type { Logger } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import type { Clock } from '@vcap/clock';
import type { Bits } from '../ports.ts';
import { BlobBits } from './blob-bits.ts';
import type { PoolLimits } from './resource-pool.ts';
import { WorkDirs } from './work-dirs.ts';

const MIB = 1024 * 1024;

/** Sizes in bytes. */
export interface BitsOptions {
  /** Directory of the blobstore. */
  root: string;
  /** Where uploads are unpacked; by default beside the blobs, so that files are moved and not copied. */
  tmpdir?: string | undefined;
  log: Logger;
  clock?: Clock | undefined;
  /** Largest application, unpacked; 512 MiB by default. */
  maxPackageBytes?: number | undefined;
  /** Most files and folders of an application; 100,000 by default. */
  maxEntries?: number | undefined;
  /** Largest droplet; 1 GiB by default. */
  maxDropletBytes?: number | undefined;
  /** Which files are kept for later uploads; by default up to 512 MiB, empty ones too. */
  pool?: PoolLimits | undefined;
}

/** Packages, droplets and the pool of files, in a blobstore on disk. */
export function createBits(options: BitsOptions): Bits {
  const { root, log, clock = systemClock } = options;
  return new BlobBits({
    blobstore: createDiskBlobstore({ root, clock }),
    workDirs: new WorkDirs(options.tmpdir ?? join(root, 'uploads'), clock, log),
    packages: {
      mostBytes: options.maxPackageBytes ?? 512 * MIB,
      mostEntries: options.maxEntries ?? 100_000,
    },
    mostDropletBytes: options.maxDropletBytes ?? 1024 * MIB,
    pool: options.pool ?? { minBytes: 0, maxBytes: 512 * MIB },
    log,
  });
}
