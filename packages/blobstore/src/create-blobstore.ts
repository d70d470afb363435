import type { Clock } from '@vcap/clock';
import { systemClock } from '@vcap/clock';
import type { Blobstore } from './blobstore.ts';
import type { BlobstoreConfig, S3Config } from './config.ts';
import { createDiskBlobstore } from './disk-blobstore.ts';
import { LazyBlobstore } from './lazy-blobstore.ts';

/** What a store tells besides what it throws. */
export interface BlobstoreLog {
  info(fields: object): void;
  warn(fields: object): void;
}
export interface BlobstoreParts {
  clock?: Clock;
  log?: BlobstoreLog;
}

/** Opens the store that a configuration names. The client of object stores is read from disk only where one is used. */
export function createBlobstore(config: BlobstoreConfig, parts: BlobstoreParts = {}): Blobstore {
  const { clock = systemClock } = parts;
  if (config.s3 === undefined) return createDiskBlobstore({ root: config.root, clock });
  const { s3 } = config;
  return new LazyBlobstore(() => openS3(s3, { ...parts, clock }));
}

/**
 * For the join doctor: looks whether an object store knows the bucket and takes the credentials. It sees to directories
 * itself.
 */
export function checksOfBlobstore(
  config: BlobstoreConfig | undefined,
): { what: string; look: () => Promise<unknown> }[] {
  if (config?.s3 === undefined) return [];
  const look = (): Promise<unknown> => createBlobstore(config).list('doctor');
  return [{ what: `blobstore.s3: the bucket ${config.s3.bucket} can be used`, look }];
}

async function openS3(config: S3Config, parts: BlobstoreParts & { clock: Clock }): Promise<Blobstore> {
  const { S3Blobstore } = await import('./s3/s3-blobstore.ts');
  return new S3Blobstore(config, parts);
}
