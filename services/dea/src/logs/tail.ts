import { LineSplitter } from './line-splitter.ts';
import type { LogFile } from './log-file.ts';
import { RateLimit } from './rate-limit.ts';
import type { RateLimits } from './rate-limit.ts';
import type { LOG_SOURCES } from './record.ts';

/** What a tail gives out. */
export interface TailSink {
  line(text: string): void;
  /** So many lines are missing before the next one; `guessed`: they were jumped over unread. */
  dropped(lines: number, bytes: number, guessed: boolean): void;
}

/** What is further behind than this is not read any more: it would only grow older. */
const TOO_FAR_BYTES = 8 * 1024 * 1024;
const NEAR_BYTES = 256 * 1024;
/** A line without end is told once nothing came for this long. */
const LINE_IDLE_MS = 1000;
const GUESSED_LINE_BYTES = 100;

/** Turns what an application appends to one file into lines, within a rate. Pure but for the file's own reads. */
export class Tail {
  readonly source: (typeof LOG_SOURCES)[number];
  /** Where in the file the last line that was given out ended: a successor goes on here. */
  told: number;
  private readonly file: LogFile;
  private readonly limit: RateLimit;
  private readonly sink: TailSink;
  private splitter = new LineSplitter();
  private lost = { lines: 0, bytes: 0, guessed: false };
  private seen = { lines: 0, bytes: 0 };
  private grewAtMs: number;

  constructor(source: Tail['source'], file: LogFile, limits: RateLimits, nowMs: number, sink: TailSink) {
    this.source = source;
    this.file = file;
    this.told = file.position;
    this.limit = new RateLimit(limits, nowMs);
    this.grewAtMs = nowMs;
    this.sink = sink;
  }

  /** Reads what is new, at most `maxBytes`; says how much is left. */
  take(maxBytes: number, nowMs: number): number {
    this.limit.refill(nowMs);
    let backlog = this.file.backlog();
    if (this.file.position < this.told) this.startAgain();
    if (backlog > TOO_FAR_BYTES) {
      this.jump(backlog - NEAR_BYTES);
      backlog = NEAR_BYTES;
    }
    if (backlog > 0) {
      this.grewAtMs = nowMs;
      const bytes = this.file.read(Buffer.allocUnsafe(Math.min(backlog, maxBytes)));
      this.splitter.push(bytes, this.lineSink());
      return backlog - bytes.length;
    }
    if (this.splitter.pendingBytes > 0 && nowMs - this.grewAtMs >= LINE_IDLE_MS)
      this.splitter.flush(this.lineSink());
    return 0;
  }

  /** Takes all that is left, an unfinished line too, and lets go of the file. */
  finish(nowMs: number): void {
    for (let rounds = 0; rounds < TOO_FAR_BYTES / NEAR_BYTES; rounds += 1)
      if (this.take(NEAR_BYTES, nowMs) === 0) break;
    this.splitter.flush(this.lineSink());
    this.tellLost();
    this.file.close();
  }

  /** Says how many lines were dropped since it was last said. */
  tellLost(): void {
    const { bytes, guessed, lines } = this.lost;
    if (lines === 0) return;
    this.lost = { lines: 0, bytes: 0, guessed: false };
    this.sink.dropped(lines, bytes, guessed);
  }

  /** Bytes at the beginning of the file that may go to bring it down to `maxBytes`; 0: none. */
  cutDue(maxBytes: number): number {
    // No more was read than fits, so (but for what comes next) no more is there: asking the file is not for free.
    if (this.file.position <= maxBytes || this.splitter.pendingBytes > 0) return 0;
    return this.file.cutDue(maxBytes);
  }

  /** Takes them away. */
  async cut(bytes: number, keep: number): Promise<void> {
    await this.file.cut(bytes, keep);
    this.told = this.file.position - this.splitter.pendingBytes;
  }

  close(): void {
    this.file.close();
  }

  private lineSink(): Parameters<LineSplitter['push']>[1] {
    return {
      line: (text, bytes) => {
        if (!this.limit.take(bytes)) return false;
        this.tellLost();
        this.pass(1, bytes);
        this.sink.line(text.toString('utf8'));
        return true;
      },
      dropped: (lines, bytes) => {
        this.pass(lines, bytes);
        this.lose(lines, bytes);
      },
    };
  }

  private pass(lines: number, bytes: number): void {
    this.told += bytes;
    this.seen = { lines: this.seen.lines + lines, bytes: this.seen.bytes + bytes };
  }

  private lose(lines: number, bytes: number): void {
    this.lost.lines += lines;
    this.lost.bytes += bytes;
  }

  private jump(bytes: number): void {
    const lineBytes = this.seen.lines === 0 ? GUESSED_LINE_BYTES : this.seen.bytes / this.seen.lines;
    this.lose(Math.max(1, Math.round(bytes / lineBytes)), bytes + this.splitter.pendingBytes);
    this.lost.guessed = true;
    this.told += bytes + this.splitter.pendingBytes;
    this.splitter.jump();
    this.file.skip(bytes);
  }

  /** The application cut its file short. */
  private startAgain(): void {
    this.splitter = new LineSplitter();
    this.told = this.file.position;
  }
}
