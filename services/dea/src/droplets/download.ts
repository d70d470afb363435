import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { childTrace, toTraceparent } from '@vcap/bus';
import type { Trace } from '@vcap/bus';
import { request } from 'undici';

/**
 * Streams a droplet to a file while hashing it. Rejects unless the answer is 200 and the digest is right. The file is not
 * made durable: the cache checks it again before each use.
 */
export async function download(
  { sha1, trace, uri }: { uri: string; sha1: string; trace: Trace },
  path: string,
): Promise<void> {
  const url = new URL(uri);
  const headers: Record<string, string> = { traceparent: toTraceparent(childTrace(trace)) };
  if (url.username !== '') {
    const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers['authorization'] = `Basic ${Buffer.from(login).toString('base64')}`;
    url.username = '';
    url.password = '';
  }
  const response = await request(url, {
    headers,
    headersTimeout: 30_000,
    bodyTimeout: 30_000,
  });
  if (response.statusCode !== 200) {
    await response.body.dump();
    throw new Error(`droplet download answered ${response.statusCode}`);
  }
  const hash = createHash('sha1');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(response.body, hashing, createWriteStream(path, { mode: 0o600 }));
  const actual = hash.digest('hex');
  if (actual !== sha1) throw new Error(`droplet has sha1 ${actual}, expected ${sha1}`);
}

/** Hex digest of a file. */
export async function sha1Of(path: string): Promise<string> {
  const hash = createHash('sha1');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
