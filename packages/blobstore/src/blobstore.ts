import type { Readable } from 'node:stream';

/** What is known of a stored blob. */
export interface BlobInfo {
  /** Hex sha1 of the content. */
  sha1: string;
  /** Bytes. */
  size: number;
}

export interface PutOptions {
  /** Refuse content with another sha1. */
  expectedSha1?: string | undefined;
  /** Survives a power cut; true by default. False is for caches whose content is checked at each use. */
  durable?: boolean;
}

/** Blobs by key, such as `droplets/<app>/<sha1>`. A key has the whole old or the whole new content, never a part. */
export interface Blobstore {
  /** Stores a stream. Rejects with Sha1MismatchError or NoSpaceError, and then nothing has changed. */
  put(key: string, source: Readable, options?: PutOptions): Promise<BlobInfo>;
  /**
   * Takes a file over; the file is moved away when it lies on the same disk, else copied. `durable: false` leaves out
   * the flush to disk: for content whose loss costs only a new upload and whose readers check its sha1.
   */
  putFile(key: string, path: string, options?: { durable?: boolean | undefined }): Promise<void>;
  /** Undefined when there is none. The size is that of the content that `body` gives. */
  open(key: string): Promise<{ size: number; body: Readable } | undefined>;
  /** Writes the content to a file, which must not exist; false when there is no such blob. */
  copyToFile(key: string, path: string): Promise<boolean>;
  /** Size in bytes, undefined when there is none. */
  head(key: string): Promise<{ size: number } | undefined>;
  /** Deletes; absent is fine. */
  delete(key: string): Promise<void>;
  /**
   * Keys that begin with `prefix` and a slash, all without one, in no order, with the time they were written, in ms since
   * the epoch.
   */
  list(prefix?: string): Promise<{ key: string; changedAt: number }[]>;
}

/** The content was not what its sender said. */
export class Sha1MismatchError extends Error {
  override readonly name = 'Sha1MismatchError';
  constructor(expected: string, actual: string) {
    super(`content has sha1 ${actual}, not ${expected}`);
  }
}

/** The store is full. */
export class NoSpaceError extends Error {
  override readonly name = 'NoSpaceError';
  constructor(cause: unknown) {
    super('no space left in the blobstore', { cause });
  }
}

/** The store cannot be used now: away, too slow, or it refuses us. The message says which; it holds no secret. */
export class BlobstoreError extends Error {
  override readonly name = 'BlobstoreError';
}

/** Checks a key: words of letters, digits, `.`, `_`, `-` with slashes between them, no `.` or `..`. */
export function checkKey(key: string): string {
  const words = key.split('/');
  if (words.some((word) => !/^[A-Za-z0-9._-]{1,200}$/.test(word) || /^\.+$/.test(word))) {
    throw new TypeError(`not a key of the blobstore: ${JSON.stringify(key)}`);
  }
  return key;
}
