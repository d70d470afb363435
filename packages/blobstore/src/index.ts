export { BlobstoreError, checkKey, NoSpaceError, Sha1MismatchError } from './blobstore.ts';
export type { BlobInfo, Blobstore, PutOptions } from './blobstore.ts';
export { blobstoreConfig } from './config.ts';
export type { BlobstoreConfig, S3Config } from './config.ts';
export { checksOfBlobstore, createBlobstore } from './create-blobstore.ts';
export type { BlobstoreLog, BlobstoreParts } from './create-blobstore.ts';
export { createDiskBlobstore } from './disk-blobstore.ts';
export { sweepStale } from './sweep.ts';
