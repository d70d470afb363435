/** What hears of a connection. Calls come one at a time, and none after `onClose`. */
export interface WireHandler {
  /** Bytes came. They are the caller's: what is to be kept after the call is to be copied. */
  onData(buffer: Buffer, length: number): void;
  /** The peer ended its direction; ours is still open. */
  onEnd(): void;
  /** What was queued has gone out, after a write that answered false. */
  onDrain(): void;
  /** A write failed: the peer takes nothing more, but may have said something before. */
  onWriteError(error: Error): void;
  /** The connection is gone, by whichever side; called once. */
  onClose(error: Error | undefined): void;
}

/** How an outgoing connection came about. */
export type Connected = (error: NodeJS.ErrnoException | undefined) => void;

/**
 * One TCP (or TLS) connection. Writes are queued without limit: whoever pumps obeys the `false` of `write` and waits
 * for `onDrain`, and so bounds the memory.
 */
export interface Wire {
  handler: WireHandler;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Whether `reset` or `destroy` was called or the peer vanished. */
  readonly closed: boolean;
  /** Bytes that wait to go out. */
  readonly queued: number;
  /**
   * Allows memory of its own for big reads, which is passed on without a copy: set while a body or a tunnel runs, so
   * that idle connections hold none.
   */
  streaming: boolean;
  /** Sends latin1 text. False: a good deal is queued. */
  writeText(text: string): boolean;
  /** Sends a part of a buffer, copied when it cannot go out at once and is not the caller's alone. */
  writeBytes(buffer: Buffer, start: number, end: number): boolean;
  /** Both in one packet where possible. */
  writeBoth(text: string, buffer: Buffer, start: number, end: number): boolean;
  pause(): void;
  resume(): void;
  /** Ends our direction after what is queued. */
  end(): void;
  /** Ends our direction after what is queued, then closes without waiting for the peer's end. */
  closeSoon(): void;
  /** Closes; what is queued is lost. */
  destroy(error?: Error): void;
  /** Closes with a reset, so that the peer cannot take what it got for the whole. */
  reset(): void;
  /** TCP's own probes find a peer that vanished without a word. */
  keepAlive(delayMs: number): void;
}

/** More than this waiting to go out makes writes answer false. */
export const highWaterBytes = 128 * 1024;

/** Up to here text and bytes go out as one string: cheaper than two buffers. */
export const joinLimitBytes = 2 * 1024;
