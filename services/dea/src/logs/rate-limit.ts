/** What an instance may put into its log stream. */
export interface RateLimits {
  linesPerSecond: number;
  bytesPerSecond: number;
  burstLines: number;
  burstBytes: number;
}

/** Two token buckets, lines and bytes, of one instance. Pure: time comes in. */
export class RateLimit {
  private readonly limits: RateLimits;
  private lines: number;
  private bytes: number;
  private filledAtMs: number;

  constructor(limits: RateLimits, nowMs: number) {
    this.limits = limits;
    this.lines = limits.burstLines;
    this.bytes = limits.burstBytes;
    this.filledAtMs = nowMs;
  }

  /** Adds what the time since the last call gives. */
  refill(nowMs: number): void {
    const seconds = Math.max(0, nowMs - this.filledAtMs) / 1000;
    const { burstBytes, burstLines, bytesPerSecond, linesPerSecond } = this.limits;
    this.lines = Math.min(burstLines, this.lines + seconds * linesPerSecond);
    this.bytes = Math.min(burstBytes, this.bytes + seconds * bytesPerSecond);
    this.filledAtMs = nowMs;
  }

  /** Whether one line of so many bytes may pass; it is paid for then. */
  take(bytes: number): boolean {
    if (this.lines < 1 || this.bytes < bytes) return false;
    this.lines -= 1;
    this.bytes -= bytes;
    return true;
  }
}
