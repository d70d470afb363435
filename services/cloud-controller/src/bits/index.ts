import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBlobstore } from '@vcap/blobstore';
import type { BlobstoreConfig } from '@vcap/blobstore';
import type { Logger } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import type { Clock } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { Bits } from '../ports.ts';
import { BlobBits } from './blob-bits.ts';
import { PoolSweeper } from './pool-sweep.ts';
import type { PoolBudget } from './pool-sweep.ts';
import type { PoolLimits } from './resource-pool.ts';
import { WorkDirs } from './work-dirs.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Sizes in bytes. */
export interface BitsOptions {
  /** A directory or an object store. */
  blobstore: BlobstoreConfig;
  /**
   * Where uploads are unpacked; by default beside the blobs, so that files are moved and not copied, or for an object store
   * in the system's directory for such.
   */
  tmpdir?: string | undefined;
  log: Logger;
  clock?: Clock | undefined;
  /** Largest application, unpacked; 512 MiB by default. */
  maxPackageBytes?: number | undefined;
  /** Most files and folders of an application; 100,000 by default. */
  maxEntries?: number | undefined;
  /** Largest droplet; 1 GiB by default. */
  maxDropletBytes?: number | undefined;
  /**
   * Which files are kept for later uploads; by default up to 512 MiB, in a directory empty ones too. Two requests to an object
   * store for each small file would take longer than sending it again.
   */
  pool?: PoolLimits | undefined;
  /** How long and how much is kept; by default 30 days and 20 GiB. */
  budget?: PoolBudget | undefined;
}

/** Packages, droplets and the pool of files, in a blobstore. */
export function createBits(options: BitsOptions): Bits {
  return createBitsWithSweeper(options).bits;
}

/** The same, with the member that keeps the pool small. */
export function createBitsWithSweeper(options: BitsOptions): { bits: Bits; sweeper: Member } {
  const { log, clock = systemClock } = options;
  const { root } = options.blobstore;
  const blobstore = createBlobstore(options.blobstore, { clock, log });
  const beside = root === undefined ? join(tmpdir(), 'vcap-uploads') : join(root, 'uploads');
  const budget = options.budget ?? { expireMs: 30 * DAY_MS, maxBytes: 20 * 1024 * MIB };
  const bits = new BlobBits({
    blobstore,
    workDirs: new WorkDirs(options.tmpdir ?? beside, clock, log),
    packages: {
      mostBytes: options.maxPackageBytes ?? 512 * MIB,
      mostEntries: options.maxEntries ?? 100_000,
    },
    mostDropletBytes: options.maxDropletBytes ?? 1024 * MIB,
    pool: options.pool ?? { minBytes: root === undefined ? 64 * KIB : 0, maxBytes: 512 * MIB },
    log,
  });
  return { bits, sweeper: new PoolSweeper({ blobstore, budget, clock, log }) };
}
