import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import { crc32 } from 'node:zlib';
import { ApiError } from '../errors.ts';

/** Bytes that may still come; shared by the streams of one upload. */
export interface Allowance {
  /** Throws 402 when it is used up. */
  take(bytes: number): void;
}

/** An allowance for an application of at most `mostBytes`, of which the client is told when it is passed. */
export function allowanceOf(mostBytes: number, slackBytes = 0): Allowance {
  let left = mostBytes + slackBytes;
  return {
    take(bytes) {
      left -= bytes;
      if (left < 0) {
        throw new ApiError(402, `the application is larger than ${(mostBytes / 1e6).toFixed(2)}MB`);
      }
    },
  };
}

/** Passes a stream on, counts and hashes it, and fails once the allowance is used up. */
export class Meter extends Transform {
  readonly #hash = createHash('sha1');
  readonly #allowance: Allowance | undefined;
  /** Bytes so far. */
  size = 0;
  /** CRC-32 so far, as zip files have it. */
  crc32 = 0;

  constructor(allowance?: Allowance) {
    super();
    this.#allowance = allowance;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#allowance?.take(chunk.length);
    } catch (error) {
      return done(error as Error);
    }
    this.size += chunk.length;
    this.#hash.update(chunk);
    this.crc32 = crc32(chunk, this.crc32);
    done(null, chunk);
  }

  /** Hex sha1 of all that passed; to be called once, after the end. */
  sha1(): string {
    return this.#hash.digest('hex');
  }
}
