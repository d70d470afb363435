import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import type { Gzip, ZlibParams } from 'node:zlib';

const BLOCK_BYTES = 256 * 1024;
const SAMPLES = 16;
const SAMPLE_BYTES = 1024;
/** So many of the samples must be incompressible before a block is only stored. */
const MOST_PACKED = 0.8;
/** A fair size, quickly: droplets are unpacked about as often as they are packed. */
const LEVEL = 3;
/** Text has 4 to 6 bits per byte, programs up to 7; what is compressed or encrypted has nearly 8. */
const MOST_BITS = 7.5;

/**
 * Compresses `source` into the new file `to` and answers the hex SHA-1 of the result. Blocks that would hardly become
 * smaller (images, archives) are only stored, which takes a tenth of the time here and at each start.
 * @throws the error of `tooLarge` when more than `maxBytes` come
 */
export const gzipStream = async (
  source: AsyncIterable<Buffer>,
  to: string,
  limit: { readonly maxBytes: number; readonly tooLarge: () => Error },
): Promise<string> => {
  const hash = createHash('sha1');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const gzip = createGzip({ level: LEVEL, chunkSize: BLOCK_BYTES }) as Gzip & ZlibParams;
  const target = createWriteStream(to, { flags: 'wx', mode: 0o600 });
  const written = pipeline(gzip, hashing, target);
  const fed = feed(source, gzip, limit).catch((error: unknown) => {
    gzip.destroy();
    throw error;
  });
  const [{ reason } = { reason: undefined }] = (await Promise.allSettled([fed, written])).filter(
    (result) => result.status === 'rejected',
  );
  if (reason !== undefined) throw reason;
  return hash.digest('hex');
};

const feed = async (
  source: AsyncIterable<Buffer>,
  gzip: Gzip & ZlibParams,
  { maxBytes, tooLarge }: { readonly maxBytes: number; readonly tooLarge: () => Error },
): Promise<void> => {
  let [level, bytes] = [LEVEL, 0];
  for await (const block of blocks(source)) {
    bytes += block.length;
    if (bytes > maxBytes) throw tooLarge();
    const wanted = shareOfPacked(block) > MOST_PACKED ? 0 : LEVEL;
    if (wanted !== level) await changeLevel(gzip, (level = wanted));
    if (!gzip.write(block)) await once(gzip, 'drain');
  }
  gzip.end();
};

const changeLevel = (gzip: ZlibParams, level: number): Promise<void> =>
  new Promise((resolve) => gzip.params(level, constants.Z_DEFAULT_STRATEGY, resolve));

/** The same bytes in pieces of about `BLOCK_BYTES`. */
async function* blocks(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of source) {
    pieces.push(piece);
    length += piece.length;
    if (length < BLOCK_BYTES) continue;
    yield Buffer.concat(pieces, length);
    [pieces, length] = [[], 0];
  }
  if (length > 0) yield Buffer.concat(pieces, length);
}

/** Which share of a block, looked at in places, has its bytes spread too evenly to be compressed. */
const shareOfPacked = (block: Buffer): number => {
  const step = Math.floor(block.length / SAMPLES);
  if (step < SAMPLE_BYTES) return 0;
  let packed = 0;
  for (let index = 0; index < SAMPLES; index += 1) {
    if (bitsPerByte(block.subarray(index * step, index * step + SAMPLE_BYTES)) > MOST_BITS) packed += 1;
  }
  return packed / SAMPLES;
};

const bitsPerByte = (sample: Buffer): number => {
  const counts = new Uint32Array(256);
  for (const byte of sample) counts[byte] = (counts[byte] ?? 0) + 1;
  let bits = 0;
  for (const count of counts) {
    if (count > 0) bits -= (count / sample.length) * Math.log2(count / sample.length);
  }
  return bits;
};
