import type { Socket } from 'node:net';
import { textOfPart } from '../http/read-text.ts';
import { current } from './read-buffers.ts';
import { highWaterBytes, joinLimitBytes } from './wire.ts';
import type { Wire, WireHandler } from './wire.ts';

/** A connection on a documented socket: TLS, and TCP where Node's handles are not what we know. */
export class SocketWire implements Wire {
  handler: WireHandler;
  streaming = false;
  closed = false;
  readonly #socket: Socket;
  #writeBroken = false;
  #needsDrain = false;
  #error: Error | undefined;
  /** The address is gone with the connection, but the log comes after. */
  readonly #address: string;
  readonly #port: number;

  constructor(socket: Socket, handler: WireHandler) {
    this.#socket = socket;
    this.handler = handler;
    this.#address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    this.#port = socket.remotePort ?? 0;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      if (!this.closed) this.handler.onData(chunk, chunk.length);
    });
    socket.on('end', () => {
      if (!this.closed) this.handler.onEnd();
    });
    socket.on('drain', () => {
      if (this.closed || !this.#needsDrain) return;
      this.#needsDrain = false;
      this.handler.onDrain();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#failed(error));
    socket.on('close', () => this.#gone());
    socket.pause();
  }

  get remoteAddress(): string {
    return this.#address;
  }

  get remotePort(): number {
    return this.#port;
  }

  get queued(): number {
    return this.#socket.writableLength;
  }

  writeText(text: string): boolean {
    if (!this.#writable) return true;
    return this.#wrote(this.#socket.write(text, 'latin1'));
  }

  writeBytes(buffer: Buffer, start: number, end: number): boolean {
    if (!this.#writable || start === end) return true;
    const part = buffer.subarray(start, end);
    return this.#wrote(this.#socket.write(current.chunk === undefined ? part : Buffer.from(part)));
  }

  writeBoth(text: string, buffer: Buffer, start: number, end: number): boolean {
    if (text.length + end - start <= joinLimitBytes)
      return this.writeText(text + textOfPart(buffer, start, end));
    if (!this.#writable) return true;
    this.#socket.cork();
    this.writeText(text);
    const more = this.writeBytes(buffer, start, end);
    this.#socket.uncork();
    return more;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (this.#writable) this.#socket.end();
  }

  closeSoon(): void {
    if (this.closed) return;
    if (this.#writeBroken) return this.destroy();
    this.#socket.destroySoon();
  }

  destroy(error?: Error): void {
    if (this.closed) return;
    this.#error = error;
    this.#socket.destroy();
    this.#gone();
  }

  reset(): void {
    if (this.closed) return;
    this.#socket.resetAndDestroy();
    this.#gone();
  }

  keepAlive(delayMs: number): void {
    this.#socket.setKeepAlive(true, delayMs);
  }

  get #writable(): boolean {
    return !this.closed && !this.#writeBroken && this.#socket.writable;
  }

  #wrote(more: boolean): boolean {
    if (more || this.#socket.writableLength < highWaterBytes) return true;
    this.#needsDrain = true;
    return false;
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.#error ??= error;
    if (error.syscall !== 'write' || this.closed || this.#writeBroken) return;
    this.#writeBroken = true;
    this.handler.onWriteError(error);
  }

  #gone(): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onClose(this.#error);
  }
}
