import { BlobstoreError, NoSpaceError } from '../blobstore.ts';

interface Told {
  name?: string;
  message?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

const refusals = new Set(['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccessDenied', 'ExpiredToken']);
const full = new Set(['XMinioStorageFull', 'QuotaExceeded', 'QuotaExceededException', 'InsufficientStorage']);

/**
 * What went wrong between us and the store, in an operator's words; any other error (of a file, of the source of an
 * upload) as it is.
 */
export function asBlobstoreError(error: unknown, where: string, what: string): unknown {
  const ofClient = typeof error === 'object' && error !== null && '$metadata' in error;
  return ofClient ? storeError(error, where, what) : error;
}

/**
 * The same for what can only be the store's. The client's own error is not kept as the cause: it carries the request
 * with its signature, and loggers print all that an error carries.
 */
export function storeError(error: unknown, where: string, what: string): Error {
  if (error instanceof BlobstoreError || error instanceof NoSpaceError) return error;
  const { name = 'Error', message = '', $metadata } = error as Told;
  const code = codeOf(error);
  const status = $metadata?.httpStatusCode;
  const cause = new Error(`${name}: ${message}`);
  if (full.has(name) || status === 507) return new NoSpaceError(cause);
  return new BlobstoreError(`${where} ${reason(name, message, code, status)} (${what})`, { cause });
}

/** The system's word for it; the client wraps what the system said, the word is then in the text. */
function codeOf(error: unknown): string | undefined {
  const { code, message = '' } = error as Told;
  return code ?? /\bE[A-Z]{4,}\b/.exec(message)?.[0];
}

function reason(name: string, message: string, code: string | undefined, status: number | undefined): string {
  if (name === 'NoSuchBucket') return 'has no such bucket: make it, or mend blobstore.s3.bucket';
  if (refusals.has(name) || status === 401 || status === 403)
    return `refuses the credentials: ${status ?? ''} ${name}`;
  if (status !== undefined) return `answered ${status} ${name}`;
  if (name === 'TimeoutError' || name === 'DeadlineError' || code === 'ETIMEDOUT')
    return 'does not answer in time';
  return `cannot be reached: ${code ?? message}`;
}

/** Whether a key, an upload or the like is not there. */
export function isAbsent(error: unknown): boolean {
  const { name, $metadata } = error as Told;
  return name !== 'NoSuchBucket' && $metadata?.httpStatusCode === 404;
}
