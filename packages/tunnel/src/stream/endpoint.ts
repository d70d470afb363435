import type { Socket } from 'node:net';
import { RetainedBytes } from './retained-bytes.ts';

/** How what an endpoint says came to its end. */
export interface StreamEnd {
  /** True after an orderly end; false when the connection broke, so that bytes may lack. */
  clean: boolean;
  reason: string;
}

const PROBE_MS = 30_000;

/**
 * A TCP connection whose incoming bytes are kept until they are released, and which reads no more than its limit
 * ahead: the two ends of a tunnel, the destination in the cloud and the program on the laptop, are both this.
 */
export class Endpoint {
  /** What came in and is not released yet. */
  readonly incoming = new RetainedBytes();
  readonly #socket: Socket;
  readonly #limit: () => number;
  readonly #listeners = new Set<() => void>();
  #ended: StreamEnd | undefined;
  #closed = false;

  /** `socket` is connected and allows half-open connections; `limit` gives bytes to read ahead, asked each time. */
  constructor(socket: Socket, limit: () => number) {
    this.#socket = socket;
    this.#limit = limit;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, PROBE_MS);
    socket.on('data', (chunk: Buffer) => {
      this.incoming.push(chunk);
      if (this.incoming.length >= this.#limit()) socket.pause();
      this.#changed();
    });
    socket.on('end', () => this.#end({ clean: true, reason: 'closed' }));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#end({ clean: false, reason: error.code ?? error.message });
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#end({ clean: false, reason: 'closed' });
      this.#changed();
    });
    socket.on('drain', () => this.#changed());
  }

  /** Set once nothing more will come in; what came before may still be kept. */
  get ended(): StreamEnd | undefined {
    return this.#ended;
  }

  /** Whether nothing can be written any more. */
  get closed(): boolean {
    return this.#closed || this.#socket.destroyed;
  }

  /** Whether what was written so far is with the system, or soon will be. */
  get writable(): boolean {
    return !this.#socket.writableNeedDrain;
  }

  /** Bytes that were written and are still here. */
  get queued(): number {
    return this.#socket.writableLength;
  }

  /** Bytes that were given to the socket so far. */
  get written(): number {
    return this.#socket.bytesWritten;
  }

  /** Called after each change: bytes came, the end came, a full queue drained. Gives back how to stop listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Forgets incoming bytes before `offset` and reads on. */
  release(offset: number): void {
    this.incoming.release(offset);
    if (this.#socket.isPaused() && this.incoming.length < this.#limit()) this.#socket.resume();
  }

  /** False when the writer should wait until `writable`. */
  write(chunk: Buffer): boolean {
    if (this.closed || this.#socket.writableEnded) return true;
    return this.#socket.write(chunk);
  }

  /** Resolves when `writable`, closed, or `signal` aborts. */
  async drained(signal: AbortSignal): Promise<void> {
    await this.until(() => this.writable || this.closed, signal);
  }

  /** Resolves when `condition` holds or `signal` aborts. */
  until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    if (condition() || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        stop();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const stop = this.onChange(() => {
        if (condition()) done();
      });
      signal.addEventListener('abort', done);
    });
  }

  /** Says that no more will be written; reading goes on. */
  finish(): void {
    if (!this.#socket.writableEnded && !this.closed) this.#socket.end();
  }

  /** Ends the connection after what was written. */
  close(): void {
    this.#socket.destroySoon();
  }

  /** Ends the connection at once so that the other side sees an error, not an end. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  #end(end: StreamEnd): void {
    if (this.#ended !== undefined) {
      // A break after an orderly end of reading is only the writing side's.
      return;
    }
    this.#ended = end;
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
