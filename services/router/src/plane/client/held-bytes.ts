import { CR, LF } from '../http/bytes.ts';

/** What was read and cannot be used yet. */
export class HeldBytes {
  #bytes: Buffer | undefined;

  get empty(): boolean {
    return this.#bytes === undefined;
  }

  get length(): number {
    return this.#bytes?.length ?? 0;
  }

  /** Keeps a copy. */
  keep(buffer: Buffer, start: number, end: number): void {
    this.#bytes = Buffer.from(buffer.subarray(start, end));
  }

  /** Gives what is held, and holds nothing. */
  take(): Buffer | undefined {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    return bytes;
  }

  /** Adds what came next; true: a head may be complete by it. */
  add(buffer: Buffer, length: number): boolean {
    const before = this.length;
    this.#bytes = Buffer.concat([this.#bytes ?? Buffer.alloc(0), buffer.subarray(0, length)]);
    return headMayEnd(this.#bytes, before);
  }
}

/**
 * Whether a head that came in pieces is worth parsing again: it is complete, or has a line end that is none. Looks
 * only at the new bytes, so that a client that sends one byte at a time costs no more than its bytes.
 */
function headMayEnd(buffer: Uint8Array, from: number): boolean {
  for (let at = from; at < buffer.length; at += 1) {
    if (buffer[at] !== LF) continue;
    if (buffer[at - 1] !== CR) return true;
    if (at >= 3 && buffer[at - 2] === LF) return true;
  }
  return false;
}
