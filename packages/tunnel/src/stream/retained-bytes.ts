/**
 * A stretch of a byte stream that is kept until the other side has it: bytes are added at the end, read from any
 * offset, and forgotten from the start. Offsets count from the beginning of the stream. Never copies.
 */
export class RetainedBytes {
  #chunks: Buffer[] = [];
  #start = 0;
  #end = 0;

  /** Offset of the first byte kept. */
  get start(): number {
    return this.#start;
  }

  /** Offset after the last byte. */
  get end(): number {
    return this.#end;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#end += chunk.length;
  }

  /** Forgets what lies before `offset`; what was forgotten already stays so. */
  release(offset: number): void {
    if (offset > this.#end)
      throw new RangeError(`cannot release up to ${offset}: the stream ends at ${this.#end}`);
    let gone = 0;
    for (const chunk of this.#chunks) {
      if (this.#start + chunk.length > offset) break;
      this.#start += chunk.length;
      gone += 1;
    }
    if (gone > 0) this.#chunks.splice(0, gone);
    const first = this.#chunks[0];
    if (first !== undefined && offset > this.#start) {
      this.#chunks[0] = first.subarray(offset - this.#start);
      this.#start = offset;
    }
  }

  /** The bytes from `offset` on, at most `max` of them, as they lie in memory. */
  read(offset: number, max: number): Buffer[] {
    if (offset < this.#start || offset > this.#end) {
      throw new RangeError(`offset ${offset} is not kept: ${this.#start} to ${this.#end} are`);
    }
    const result: Buffer[] = [];
    let at = this.#start;
    let left = max;
    for (const chunk of this.#chunks) {
      if (left <= 0) break;
      const from = Math.max(0, offset - at);
      at += chunk.length;
      if (from >= chunk.length) continue;
      const part = chunk.subarray(from, Math.min(chunk.length, from + left));
      result.push(part);
      left -= part.length;
    }
    return result;
  }
}
