import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

const CHUNK_BYTES = 256 * 1024;
const SAMPLES = 64;
const SAMPLE_BYTES = 1024;
/** So many of the samples must be incompressible before the whole is only stored. */
const MOST_PACKED = 0.8;
/** A fair size, quickly: droplets are unpacked about as often as they are packed. */
const LEVEL = 3;
/** Text has 4 to 6 bits per byte, programs up to 7; what is compressed or encrypted has nearly 8. */
const MOST_BITS = 7.5;

/**
 * Compresses the file `from` into the new file `to` and answers the hex SHA-1 of the result. What would hardly become
 * smaller (images, archives) is only stored, which takes a tenth of the time here and at each start.
 */
export const gzipFile = async (from: string, to: string, signal: AbortSignal): Promise<string> => {
  const level = (await shareOfPacked(from)) > MOST_PACKED ? 0 : LEVEL;
  const hash = createHash('sha1');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const source = createReadStream(from, { highWaterMark: CHUNK_BYTES });
  const target = createWriteStream(to, { flags: 'wx', mode: 0o600 });
  await pipeline(source, createGzip({ level, chunkSize: CHUNK_BYTES }), hashing, target, { signal });
  return hash.digest('hex');
};

/** Which share of a file, looked at in places, has its bytes spread too evenly to be compressed. */
const shareOfPacked = async (path: string): Promise<number> => {
  const file = await open(path, 'r');
  try {
    const step = (await file.stat()).size / SAMPLES;
    if (step < SAMPLE_BYTES) return 0;
    const sample = Buffer.alloc(SAMPLE_BYTES);
    let packed = 0;
    for (let index = 0; index < SAMPLES; index += 1) {
      await file.read(sample, 0, SAMPLE_BYTES, Math.floor(index * step));
      if (bitsPerByte(sample) > MOST_BITS) packed += 1;
    }
    return packed / SAMPLES;
  } finally {
    await file.close();
  }
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
