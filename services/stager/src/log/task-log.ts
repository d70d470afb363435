const LARGEST_BYTES = 1024 * 1024;
/** Kept free for {@link TaskLog.say} and the note. */
const OWN_BYTES = 32 * 1024;
const TRUNCATED = Buffer.from('[the log is full: the rest is left out]\n');

/** The log of one task as bytes, at most 1 MiB; offsets into it never move. */
export class TaskLog {
  #bytes: Buffer = Buffer.alloc(4096);
  #length = 0;
  #full = false;
  #listener: (() => void) | undefined;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Called after each line that was taken. */
  onAppend(listener: () => void): void {
    this.#listener = listener;
  }

  /** Adds a line of a command's; those past the limit are dropped after a note that says so. */
  append(line: string): void {
    if (this.#full) return;
    const bytes = Buffer.from(`${line}\n`);
    this.#full = this.#length + bytes.length > LARGEST_BYTES - OWN_BYTES;
    this.#add(this.#full ? TRUNCATED : bytes);
  }

  /** Adds a line of the stager's own: there is room for it however much commands wrote. */
  say(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#length + bytes.length <= LARGEST_BYTES) this.#add(bytes);
  }

  #add(bytes: Buffer): void {
    this.#reserve(bytes.length);
    bytes.copy(this.#bytes, this.#length);
    this.#length += bytes.length;
    this.#listener?.();
  }

  /** A copy of the bytes from `offset` on; empty when there are none yet. */
  from(offset: number, limit = LARGEST_BYTES): Buffer {
    return Buffer.from(
      this.#bytes.subarray(Math.min(offset, this.#length), Math.min(this.#length, offset + limit)),
    );
  }

  /** The last `bytes` as text: what fits into a message on the bus. */
  tail(bytes: number): string {
    return this.from(Math.max(0, this.#length - bytes)).toString('utf8');
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#length + extra));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
