const NEWLINE = 10;
/** Longer lines are told in pieces. */
export const LONGEST_LINE = 8192;

/** What becomes of the lines of a chunk. `bytes` and `consumed` include the line end. */
export interface LineSink {
  /** False: no room for this one; what is left of the chunk goes to `dropped`. */
  line(text: Buffer, bytes: number): boolean;
  dropped(lines: number, bytes: number): void;
}

/** Cuts a stream of bytes into lines and holds back what has no end yet. */
export class LineSplitter {
  private pending: Buffer = Buffer.alloc(0);
  private discarding = false;

  /** Bytes held back. */
  get pendingBytes(): number {
    return this.pending.length;
  }

  /** What is held back and the rest of its line are not wanted: the reader jumped. */
  jump(): void {
    this.pending = Buffer.alloc(0);
    this.discarding = true;
  }

  /** Takes the next bytes. */
  push(chunk: Buffer, sink: LineSink): void {
    let data = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    if (this.discarding) {
      const end = data.indexOf(NEWLINE);
      this.discarding = end < 0;
      sink.dropped(0, end < 0 ? data.length : end + 1);
      data = data.subarray(end < 0 ? data.length : end + 1);
    }
    let from = 0;
    while (from < data.length) {
      const end = data.indexOf(NEWLINE, from);
      const length = (end < 0 ? data.length : end) - from;
      if (end < 0 && length <= LONGEST_LINE) break;
      const piece = length > LONGEST_LINE ? wholeCharacters(data, from, LONGEST_LINE) : length;
      const bytes = piece === length && end >= 0 ? piece + 1 : piece;
      if (!sink.line(data.subarray(from, from + piece), bytes)) {
        from = this.drop(data, from, sink);
        break;
      }
      from += bytes;
    }
    // A copy: a view would keep the whole chunk in memory for the sake of a few bytes.
    this.pending = Buffer.from(data.subarray(from));
  }

  /** Gives out what is held back: it will not be continued soon, or ever. */
  flush(sink: LineSink): void {
    const { pending } = this;
    this.pending = Buffer.alloc(0);
    if (pending.length > 0 && !sink.line(pending, pending.length)) sink.dropped(1, pending.length);
  }

  /** Counts the lines that are left without looking into them; gives where the last one ends. */
  private drop(data: Buffer, from: number, sink: LineSink): number {
    const last = data.lastIndexOf(NEWLINE);
    if (last < from) {
      sink.dropped(1, data.length - from);
      this.discarding = true;
      return data.length;
    }
    let lines = 0;
    for (let index = from; index <= last; index += 1) if (data[index] === NEWLINE) lines += 1;
    sink.dropped(lines, last + 1 - from);
    return last + 1;
  }
}

/** At most `length` bytes from `from`, less when the last character would be cut in two. */
function wholeCharacters(data: Buffer, from: number, length: number): number {
  for (let back = 0; back < 4; back += 1) {
    const byte = data[from + length - back];
    if (byte === undefined || (byte & 0xc0) !== 0x80) return length - back;
  }
  return length;
}
