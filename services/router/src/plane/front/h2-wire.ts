import { constants } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { BodyReader } from '../http/body.ts';
import type { ChunkSink } from '../http/chunks.ts';
import { parseResponse, ResponseHead } from '../http/response-head.ts';
import { deaf } from '../wire/transport.ts';
import { highWaterBytes } from '../wire/wire.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { fromHttp1, toHttp1 } from './h2-heads.ts';

const head = new ResponseHead();

/**
 * One HTTP/2 stream as a connection that speaks HTTP/1.1: its request goes in as HTTP/1.1 bytes, through the same
 * parser and the same rules as everybody's, and the answer's bytes are read back into the stream.
 */
export class H2Wire implements Wire, ChunkSink {
  handler: WireHandler = deaf;
  streaming = false;
  closed = false;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #stream: ServerHttp2Stream;
  readonly #isHead: boolean;
  readonly #chunked: boolean;
  readonly #body = new BodyReader();
  #held: Buffer | undefined;
  #answered = false;
  #needsDrain = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ended: boolean) {
    const { socket } = stream.session ?? {};
    this.#stream = stream;
    this.remoteAddress = (socket?.remoteAddress ?? '').replace(/^::ffff:/, '');
    this.remotePort = socket?.remotePort ?? 0;
    this.#isHead = headers[':method'] === 'HEAD';
    this.#chunked = !ended && headers['content-length'] === undefined;
    stream.on('data', (chunk: Buffer) => this.#give(chunk));
    stream.on('end', () => {
      if (this.#chunked) this.#text('0\r\n\r\n');
    });
    stream.on('drain', () => {
      if (this.closed || !this.#needsDrain) return;
      this.#needsDrain = false;
      this.handler.onDrain();
    });
    stream.on('error', () => this.destroy());
    stream.on('close', () => this.#gone());
    stream.pause();
  }

  /** Hands the request's head over; the body follows when the wire is resumed. */
  begin(headers: IncomingHttpHeaders): void {
    this.#text(toHttp1(headers, this.#chunked));
  }

  get queued(): number {
    return this.#stream.writableLength;
  }

  writeText(text: string): boolean {
    const bytes = Buffer.from(text, 'latin1');
    return this.writeBytes(bytes, 0, bytes.length);
  }

  writeBytes(buffer: Buffer, start: number, end: number): boolean {
    if (this.closed) return true;
    this.#read(buffer, start, end);
    if (this.#stream.writableLength < highWaterBytes) return true;
    this.#needsDrain = true;
    return false;
  }

  writeBoth(text: string, buffer: Buffer, start: number, end: number): boolean {
    this.writeText(text);
    return this.writeBytes(buffer, start, end);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    if (!this.closed) this.#stream.resume();
  }

  end(): void {
    if (!this.closed && this.#answered && !this.#stream.writableEnded) this.#stream.end();
  }

  closeSoon(): void {
    this.end();
    this.#gone();
  }

  destroy(): void {
    if (this.closed) return;
    if (!this.#stream.writableEnded) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    this.#gone();
  }

  reset(): void {
    this.destroy();
  }

  keepAlive(): void {
    // The connection is the session's.
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    // What was read into is read into again.
    this.#stream.write(Buffer.from(buffer.subarray(start, end)));
  }

  onTrailers(): void {
    // Trailers stay here: HTTP/2 visitors do not get them.
  }

  #gone(): void {
    if (this.closed) return;
    this.closed = true;
    this.handler.onClose(undefined);
  }

  #text(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    if (!this.closed) this.handler.onData(bytes, bytes.length);
  }

  #give(chunk: Buffer): void {
    if (this.closed || chunk.length === 0) return;
    if (!this.#chunked) return this.handler.onData(chunk, chunk.length);
    const framed = Buffer.concat([
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      chunk,
      Buffer.from('\r\n'),
    ]);
    this.handler.onData(framed, framed.length);
  }

  /** Reads what the router answers. */
  #read(buffer: Buffer, start: number, end: number): void {
    let bytes = buffer;
    let at = start;
    let to = end;
    if (this.#held !== undefined) {
      bytes = Buffer.concat([this.#held, buffer.subarray(start, end)]);
      at = 0;
      to = bytes.length;
      this.#held = undefined;
    }
    while (!this.#answered && at < to) {
      const after = parseResponse(head, bytes, at, to);
      if (after < 0) return this.destroy();
      if (after === 0) {
        this.#held = Buffer.from(bytes.subarray(at, to));
        return;
      }
      at = after;
      this.#respond();
    }
    if (!this.#answered || this.#body.done) return;
    if (at < to && this.#body.read(bytes, at, to, this) < 0) return this.destroy();
    if (this.#body.done) this.#stream.end();
  }

  #respond(): void {
    const { status } = head;
    const headers = fromHttp1(head);
    if (status < 200) {
      if (status !== 100) this.#stream.additionalHeaders(headers);
      return;
    }
    this.#answered = true;
    const bodiless = this.#isHead || status === 204 || status === 304;
    this.#body.begin(
      bodiless ? 'none' : head.chunked ? 'chunked' : 'length',
      Math.max(0, head.length),
      false,
    );
    this.#stream.respond(headers, { endStream: this.#body.done });
  }
}
