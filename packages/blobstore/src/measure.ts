import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';

/** Passes a stream on and knows its sha1 and size at the end. */
export class Measure extends Transform {
  readonly #hash = createHash('sha1');
  /** Bytes so far. */
  size = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    this.size += chunk.length;
    done(null, chunk);
  }

  /** Hex sha1 of all that passed; to be called once, after the end. */
  sha1(): string {
    return this.#hash.digest('hex');
  }
}
