import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { withDeadline } from '@vcap/clock';
import type { Clock } from '@vcap/clock';
import { BlobstoreError } from '../blobstore.ts';

/** One read of one object. */
export interface ReadingOptions {
  client: S3Client;
  clock: Clock;
  bucket: string;
  key: string;
  /** Silence after which the store counts as gone. */
  idleMs: number;
  /** How often a broken read is taken up where it broke. */
  resumes: number;
  /** Makes an error of whatever went wrong. */
  failure: (error: unknown) => Error;
}

/**
 * The content of an object that was just asked for. When the connection breaks, the rest of the same version is asked
 * for; what does not end with the size and sha1 that were promised is an error, never a short content.
 */
export function readingOf(first: GetObjectCommandOutput, size: number, options: ReadingOptions): Readable {
  const body = first.Body as Readable;
  const stream = Readable.from(contentOf(first, size, options), { objectMode: false });
  // The generator does not see to it when it never began.
  body.on('error', () => undefined);
  return stream.once('close', () => body.destroy());
}

async function* contentOf(
  first: GetObjectCommandOutput,
  size: number,
  options: ReadingOptions,
): AsyncGenerator<Buffer> {
  const { client, bucket, key, resumes, failure } = options;
  const hash = createHash('sha1');
  let offset = 0;
  let output = first;
  for (let left = resumes; ; left--) {
    try {
      for await (const chunk of chunksOf(output.Body as Readable, options)) {
        hash.update(chunk);
        offset += chunk.length;
        yield chunk;
      }
      if (offset >= size) break;
      throw new BlobstoreError(`the content of ${key} ended after ${offset} of ${size} bytes`);
    } catch (error) {
      if (left <= 0 || first.ETag === undefined || offset >= size) throw failure(error);
    }
    const rest = { Bucket: bucket, Key: key, Range: `bytes=${offset}-`, IfMatch: first.ETag };
    output = await client.send(new GetObjectCommand(rest)).catch((error: unknown) => {
      throw failure(error);
    });
  }
  const sha1 = first.Metadata?.['sha1'];
  if (offset !== size || (sha1 !== undefined && hash.digest('hex') !== sha1))
    throw new BlobstoreError(`the content of ${key} is not what was stored`);
}

/** Waits for each chunk no longer than `idleMs`; the time that the reader takes does not count. */
async function* chunksOf(body: Readable, { clock, idleMs, key }: ReadingOptions): AsyncGenerator<Buffer> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const next = await withDeadline(clock, idleMs, `reading ${key}`, chunks.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    body.on('error', () => undefined).destroy();
  }
}
