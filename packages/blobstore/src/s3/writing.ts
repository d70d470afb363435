import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';

/** Parts of a large object; a store takes up to 10,000, so 78 GiB. */
export const partBytes = 8 * 1024 * 1024;
/** Parts of one object on their way at once: with `writesAtOnce` the bound of the memory for writing. */
const partsAtOnce = 2;
/** Larger files wait for their turn. */
const smallBytes = 256 * 1024;

/** Where to write. */
export interface Target {
  client: S3Client;
  bucket: string;
  key: string;
}

/**
 * Sends a stream, which becomes visible as a whole when the last part is there. What fails is taken back by the store's
 * own means; the stream failing counts too, so it can refuse at its very end. `metadata` is read when the first request
 * is sent: for what fits into one part, after the stream has ended.
 */
export async function sendStream(
  target: Target,
  source: Readable,
  metadata: Record<string, string>,
): Promise<void> {
  const { client, bucket, key } = target;
  const upload = new Upload({
    client,
    params: { Bucket: bucket, Key: key, Body: source, Metadata: metadata },
    partSize: partBytes,
    queueSize: partsAtOnce,
  });
  await upload.done();
}

/** Sends a small content at once. */
export async function sendBuffer({ client, bucket, key }: Target, content: Buffer): Promise<void> {
  const sha1 = createHash('sha1').update(content).digest('hex');
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: content, Metadata: { sha1 } }));
}

/** Sends a file with its sha1; `inTurn` holds back what takes much memory. */
export async function sendFile(
  target: Target,
  path: string,
  inTurn: (work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  if ((await stat(path)).size <= smallBytes) return sendBuffer(target, await readFile(path));
  const hash = createHash('sha1');
  await pipeline(createReadStream(path), hash);
  const sha1 = hash.digest('hex');
  await inTurn(() => sendStream(target, createReadStream(path), { sha1 }));
}
