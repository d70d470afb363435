import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';

/** Passes a stream on and knows its sha1 and size at the end. */
export class Measure extends Transform {
  readonly #hash = createHash('sha1');
  readonly #onEnd: ((sha1: string, size: number) => Error | undefined) | undefined;
  /** Bytes so far. */
  byteCount = 0;

  /** `onEnd` hears what passed before the reader hears of the end, and may refuse it. */
  constructor(onEnd?: (sha1: string, size: number) => Error | undefined) {
    super();
    this.#onEnd = onEnd;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hash.update(chunk);
    this.byteCount += chunk.length;
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    done(this.#onEnd?.(this.sha1(), this.byteCount));
  }

  /** Hex sha1 of all that passed; to be called once, after the end, by who gave no `onEnd`. */
  sha1(): string {
    return this.#hash.digest('hex');
  }
}
