export { checkKey, NoSpaceError, Sha1MismatchError } from './blobstore.ts';
export type { BlobInfo, Blobstore, PutOptions } from './blobstore.ts';
export { createDiskBlobstore } from './disk-blobstore.ts';
export { sweepStale } from './sweep.ts';
