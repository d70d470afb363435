import { getSystemErrorName } from 'node:util';
import type { Bindings, TcpHandle, WriteRequest } from './bindings.ts';
import { forgetText, textOfPart } from '../http/read-text.ts';
import { current, leaveChunk, readBytes, releaseChunk, sharedBuffer, takeChunk } from './read-buffers.ts';
import type { Chunk } from './read-buffers.ts';
import { highWaterBytes, joinLimitBytes } from './wire.ts';
import type { Wire, WireHandler } from './wire.ts';

const endOfFile = -4095;
const bigBytes = 8 * 1024;

/** A connection on Node's TCP handle itself: no stream, no events, no allocation for a read or for most writes. */
export class HandleWire implements Wire {
  handler: WireHandler;
  streaming = false;
  closed = false;
  queued = 0;
  #bindings: Bindings;
  #handle: TcpHandle;
  #own: Chunk | undefined;
  #reading = false;
  #ended = false;
  #needsDrain = false;
  #writeBroken = false;
  #writes = 0;
  #shutting = false;
  #shut = false;
  #closing = false;
  #address: string | undefined;
  #port = 0;

  /** Takes the handle over; nothing is read before `resume`. */
  constructor(bindings: Bindings, handle: TcpHandle, handler: WireHandler) {
    this.#bindings = bindings;
    this.#handle = handle;
    this.handler = handler;
    handle.wire = this;
    handle.onread = onRead;
    handle.useUserBuffer(sharedBuffer);
  }

  get remoteAddress(): string {
    if (this.#address === undefined) this.#findPeer();
    return this.#address ?? '';
  }

  get remotePort(): number {
    if (this.#address === undefined) this.#findPeer();
    return this.#port;
  }

  writeText(text: string): boolean {
    if (this.closed || this.#writeBroken) return true;
    const request = this.#request();
    return this.#wrote(request, this.#handle.writeLatin1String(request, text), text.length, undefined);
  }

  writeBytes(buffer: Buffer, start: number, end: number): boolean {
    if (this.closed || this.#writeBroken || start === end) return true;
    if (current.chunk === 'shared') {
      if (end - start <= joinLimitBytes) return this.writeText(textOfPart(buffer, start, end));
      return this.#copied('', buffer, start, end);
    }
    const request = this.#request();
    const part = buffer.subarray(start, end);
    return this.#wrote(request, this.#handle.writeBuffer(request, part), end - start, part);
  }

  writeBoth(text: string, buffer: Buffer, start: number, end: number): boolean {
    if (start === end) return this.writeText(text);
    const bytes = text.length + end - start;
    if (bytes <= joinLimitBytes) return this.writeText(text + textOfPart(buffer, start, end));
    if (this.closed || this.#writeBroken) return true;
    if (current.chunk === 'shared') return this.#copied(text, buffer, start, end);
    const parts = [Buffer.from(text, 'latin1'), buffer.subarray(start, end)];
    const request = this.#request();
    return this.#wrote(request, this.#handle.writev(request, parts, true), bytes, parts);
  }

  /** Sends a copy: what was read into is read into again at once. The copy's memory serves again unless it must wait. */
  #copied(text: string, buffer: Buffer, start: number, end: number): boolean {
    const bytes = text.length + end - start;
    const scratch = spareScratch ?? Buffer.allocUnsafeSlow(scratchBytes);
    if (bytes > scratch.length) {
      this.writeText(text);
      return this.#copied('', buffer, start, end);
    }
    scratch.write(text, 0, 'latin1');
    buffer.copy(scratch, text.length, start, end);
    spareScratch = scratch;
    const request = this.#request();
    const part = scratch.subarray(0, bytes);
    const status = this.#handle.writeBuffer(request, part);
    if (status === 0 && this.#bindings.state[this.#bindings.asyncAt] !== 0) spareScratch = undefined;
    return this.#wrote(request, status, bytes, part);
  }

  pause(): void {
    if (!this.#reading || this.closed) return;
    this.#reading = false;
    this.#handle.readStop();
  }

  resume(): void {
    if (this.#reading || this.closed || this.#ended) return;
    this.#reading = true;
    const status = this.#handle.readStart();
    if (status !== 0) this.destroy(systemError(status, 'read'));
  }

  end(): void {
    if (this.closed || this.#writeBroken || this.#shutting) return;
    this.#shutting = true;
    const request = new this.#bindings.ShutdownWrap();
    request.oncomplete = () => {
      this.#shut = true;
      if (this.#closing) this.destroy();
    };
    if (this.#handle.shutdown(request) !== 0) this.destroy();
  }

  closeSoon(): void {
    if (this.closed) return;
    if (this.queued === 0 || this.#writeBroken || this.#shut) return this.destroy();
    this.#closing = true;
    this.end();
  }

  destroy(error?: Error): void {
    if (this.closed) return;
    this.#leave();
    this.#handle.close();
    this.handler.onClose(error);
  }

  reset(): void {
    if (this.closed) return;
    this.#leave();
    if (this.#handle.reset() !== 0) this.#handle.close();
    this.handler.onClose(undefined);
  }

  keepAlive(delayMs: number): void {
    if (!this.closed) this.#handle.setKeepAlive(true, Math.max(1, Math.round(delayMs / 1000)));
  }

  /** Handles what was read; gives back the memory for the next read when that changes. */
  read(): Buffer | undefined {
    const length = this.#bindings.state[this.#bindings.readAt] ?? 0;
    if (this.closed || length === 0) return undefined;
    if (length < 0) {
      this.#readEnd(length);
      return undefined;
    }
    const own = this.#own;
    current.chunk = own ?? 'shared';
    forgetText();
    try {
      this.handler.onData(own?.buffer ?? sharedBuffer, length);
    } finally {
      current.chunk = undefined;
    }
    if (this.closed) return undefined;
    return this.#next(own, length);
  }

  #next(own: Chunk | undefined, length: number): Buffer | undefined {
    if (own === undefined) {
      if (!this.streaming || length < 2 * bigBytes) return undefined;
      this.#own = takeChunk();
      return this.#own.buffer;
    }
    const stay = this.streaming && length > bigBytes / 2;
    if (stay && own.holds === 0) return undefined;
    leaveChunk(own);
    this.#own = stay ? takeChunk() : undefined;
    return this.#own?.buffer ?? sharedBuffer;
  }

  #readEnd(status: number): void {
    if (status !== endOfFile) return this.destroy(systemError(status, 'read'));
    this.#ended = true;
    this.pause();
    this.handler.onEnd();
  }

  #leave(): void {
    this.closed = true;
    this.#reading = false;
    const own = this.#own;
    this.#own = undefined;
    if (own !== undefined) leaveChunk(own);
  }

  #request(): WriteRequest {
    // The first write goes out at once anyway.
    if (this.#writes < 2) {
      this.#writes += 1;
      if (this.#writes === 2) this.#handle.setNoDelay(true);
    }
    return (spareRequest ??= new this.#bindings.WriteWrap());
  }

  #wrote(request: WriteRequest, status: number, bytes: number, held: unknown): boolean {
    if (status !== 0) {
      this.#writeBroken = true;
      this.handler.onWriteError(systemError(status, 'write'));
      return true;
    }
    if (this.#bindings.state[this.#bindings.asyncAt] === 0) return true;
    spareRequest = undefined;
    const { chunk } = current;
    request.bytes = bytes;
    request.held = held;
    request.wire = this;
    request.oncomplete = onWritten;
    request.chunk = undefined;
    if (chunk !== undefined && chunk !== 'shared') {
      chunk.holds += 1;
      request.chunk = chunk;
    }
    this.queued += bytes;
    if (this.queued < highWaterBytes) return true;
    this.#needsDrain = true;
    return false;
  }

  /** A write that had to wait is done. */
  written(bytes: number, status: number): void {
    this.queued -= bytes;
    if (this.closed) return;
    if (status !== 0) {
      if (this.#writeBroken) return;
      this.#writeBroken = true;
      return this.handler.onWriteError(systemError(status, 'write'));
    }
    if (!this.#needsDrain || this.queued > highWaterBytes / 4) return;
    this.#needsDrain = false;
    this.handler.onDrain();
  }

  #findPeer(): void {
    const out: { address?: string; port?: number } = {};
    if (!this.closed) this.#handle.getpeername(out);
    this.#address = out.address?.startsWith('::ffff:') === true ? out.address.slice(7) : (out.address ?? '');
    this.#port = out.port ?? 0;
  }
}

/** Writes mostly go out at once, and then their request was not needed: one serves for all. */
let spareRequest: WriteRequest | undefined;

/** Room for a read and a head before it. */
const scratchBytes = readBytes + 16 * 1024;
let spareScratch: Buffer | undefined;

function onRead(this: TcpHandle): Buffer | undefined {
  return (this.wire as HandleWire).read();
}

function onWritten(this: WriteRequest, status: number): void {
  if (this.chunk !== undefined) releaseChunk(this.chunk as Chunk);
  this.held = undefined;
  (this.wire as HandleWire).written(this.bytes, status);
}

/** An error as Node's own streams give it. */
export function systemError(status: number, call: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${call} ${code}`), { code, errno: status, syscall: call });
}
