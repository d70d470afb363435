import { ChunkScanner } from './chunks.ts';
import type { ChunkSink } from './chunks.ts';

/** How a message's body ends. */
export type Framing = 'none' | 'length' | 'chunked' | 'close';

/** Follows a body to its end, whatever its framing. */
export class BodyReader {
  framing: Framing = 'none';
  done = true;
  #left = 0;
  #bytes = 0;
  readonly #chunks = new ChunkScanner();

  /** Starts a body; `raw`: framing of a chunked one passes too. */
  begin(framing: Framing, length: number, raw: boolean): void {
    this.framing = framing;
    this.#left = length;
    this.#bytes = 0;
    this.done = framing === 'none' || (framing === 'length' && length === 0);
    if (framing === 'chunked') this.#chunks.reset(raw);
  }

  /** Bytes of data so far. */
  get bytes(): number {
    return this.framing === 'chunked' ? this.#chunks.bytes : this.#bytes;
  }

  /** Passes what belongs to the body on; returns the place after it, or -1 when it is malformed. */
  read(buffer: Buffer, start: number, end: number, sink: ChunkSink): number {
    if (this.framing === 'chunked') {
      const after = this.#chunks.scan(buffer, start, end, sink);
      this.done = this.#chunks.done;
      return after;
    }
    const part = this.framing === 'length' ? Math.min(this.#left, end - start) : end - start;
    this.#left -= part;
    this.#bytes += part;
    this.done = this.framing === 'length' && this.#left === 0;
    if (part > 0) sink.onBody(buffer, start, start + part);
    return start + part;
  }
}
