import { names } from '../http/names.ts';
import type { PlaneContext } from '../context.ts';
import { BodyReader } from '../http/body.ts';
import type { Framing } from '../http/body.ts';
import { parseResponse } from '../http/response-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { Endpoint } from '../table/endpoint.ts';
import type { WheelItem } from '../wheel.ts';
import type { Connecting } from '../wire/transport.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';

/** Why a backend brought no answer. `begun`: of an answer some bytes had come. */
export type BackendFailure = 'reset' | 'garbled' | 'cut';

/** The request a backend connection works for. */
export interface BackendUser {
  connected(): void;
  connectFailed(error: NodeJS.ErrnoException): void;
  /** An answer that is not the last, such as 103. */
  informed(head: ResponseHead): void;
  /** The answer's head; tells how the body is framed for it. */
  answered(head: ResponseHead): { framing: Framing; raw: boolean } | 'tunnel' | 'refused';
  onBody(buffer: Buffer, start: number, end: number): void;
  onTrailers(text: string): void;
  /** All bytes of this read were handed over. */
  readDone(): void;
  /** After 'tunnel': the connection is the user's alone, and these bytes came behind the answer's head. */
  tunnelled(wire: Wire, buffer: Buffer, start: number, end: number): void;
  /** The answer is complete; `reusable`: so is the connection. */
  complete(reusable: boolean): void;
  failed(failure: BackendFailure, error: Error): void;
  backendDrained(): void;
}

const connecting = 0;
const idle = 1;
const awaiting = 2;
const streaming = 3;
const closed = 4;

/** A connection to a backend: one request at a time, its answer parsed and followed to its end. */
export class BackendConnection implements WireHandler, WheelItem {
  readonly endpoint: Endpoint;
  readonly wire: Wire;
  deadline = 0;
  wheelSlot = -1;
  wheelIndex = 0;
  /** Whether it has served a request before the present one. */
  reused = false;
  /** Wheel ms since when it has been idle. */
  idleSince = 0;
  readonly #context: PlaneContext;
  readonly #connecting: Connecting;
  readonly #body = new BodyReader();
  #state = connecting;
  #user: BackendUser | undefined;
  #held: Buffer | undefined;
  #keeps = false;
  #keepMs = 0;
  #switched = false;
  /** The request is out in full, so that the connection may serve another. */
  requestSent = false;

  constructor(context: PlaneContext, endpoint: Endpoint) {
    this.#context = context;
    this.endpoint = endpoint;
    const { host, port } = endpoint.facts;
    this.#connecting = context.transport.connect(host, port, this, (error) => {
      const user = this.#user;
      if (error !== undefined) {
        this.#end();
        user?.connectFailed(error);
        return;
      }
      this.#state = awaiting;
      this.wire.resume();
      user?.connected();
    });
    this.wire = this.#connecting.wire;
  }

  get connected(): boolean {
    return this.#state !== connecting && this.#state !== closed;
  }

  /** Bytes of the answer's body so far, framing not counted. */
  get bodyBytes(): number {
    return this.#body.bytes;
  }

  /** Gives it to a request. */
  use(user: BackendUser): void {
    this.#user = user;
    this.requestSent = false;
    if (this.#state !== idle) return;
    this.#state = awaiting;
    this.reused = true;
    this.deadline = 0;
  }

  /** The request is done with it, or never was: idle again, or closed. */
  release(reusable: boolean): void {
    if (this.#state === closed) return;
    this.#user = undefined;
    this.wire.streaming = false;
    if (!reusable || !this.#keeps || !this.requestSent || this.wire.queued > 0) return this.close();
    this.#state = idle;
    this.#held = undefined;
    const { pool, wheel, settings } = this.#context;
    this.idleSince = wheel.now;
    if (!pool.keep(this)) return this.close();
    wheel.set(this, this.#keepMs === 0 ? settings.backendKeepAliveMs : this.#keepMs);
    this.wire.resume();
  }

  /** Closes it without a word to the request it works for. */
  close(): void {
    if (this.#state === closed) return;
    const wasConnecting = this.#state === connecting;
    this.#end();
    if (wasConnecting) this.#connecting.abort();
    else this.wire.destroy();
  }

  onDeadline(): void {
    if (this.#state === idle) this.close();
  }

  onData(buffer: Buffer, length: number): void {
    if (this.#state === streaming) this.#readBody(buffer, 0, length);
    else if (this.#state === awaiting) this.#readHead(buffer, length);
    // What comes on an idle connection is an answer to nobody, and would be taken for the next one's.
    else return this.close();
    this.#user?.readDone();
  }

  onEnd(): void {
    if (this.#state === idle) return this.close();
    if (this.#state === streaming && this.#body.framing === 'close') return this.#user?.complete(false);
    this.#lost(new Error('the backend closed the connection'));
  }

  onDrain(): void {
    this.#user?.backendDrained();
  }

  onWriteError(): void {
    // The backend may have answered before it closed: what it said, or its end, is still to be read.
    if (this.#state === idle) this.close();
    else this.wire.resume();
  }

  onClose(error: Error | undefined): void {
    if (this.#state === closed) return;
    if (this.#state === idle) return this.#end();
    this.#lost(error ?? new Error('the connection broke'));
  }

  #lost(error: Error): void {
    const user = this.#user;
    const failure = this.#state === streaming ? 'cut' : this.#held === undefined ? 'reset' : 'garbled';
    this.close();
    user?.failed(failure, error);
  }

  #end(): void {
    if (this.#state === closed) return;
    this.#state = closed;
    this.#user = undefined;
    const { pool, wheel } = this.#context;
    wheel.remove(this);
    pool.gone(this);
  }

  #readHead(buffer: Buffer, length: number): void {
    let bytes = buffer;
    let end = length;
    let at = 0;
    if (this.#held !== undefined) {
      bytes = Buffer.concat([this.#held, buffer.subarray(0, length)]);
      end = bytes.length;
      this.#held = undefined;
    }
    const { responseHead: head, settings } = this.#context;
    while (this.#state === awaiting && at < end) {
      const after = parseResponse(head, bytes, at, end);
      if (after < 0 || (after === 0 && end - at > settings.maxHeaderBytes * 4)) return this.#garbled();
      if (after === 0) {
        this.#held = Buffer.from(bytes.subarray(at, end));
        return;
      }
      at = after;
      if (head.status < 200 && head.status !== 101) {
        this.#user?.informed(head);
        continue;
      }
      const user = this.#user;
      if (!this.#begin(head)) return;
      if (this.#switched) return user?.tunnelled(this.wire, bytes, at, end);
    }
    if (this.#state === streaming) this.#readBody(bytes, at, end);
  }

  /** False when there is nothing more to read for this request. */
  #begin(head: ResponseHead): boolean {
    if (head.minor === 0 && head.chunked) {
      this.#garbled();
      return false;
    }
    this.#keeps = head.minor === 1 ? !head.close : head.keepAlive;
    this.#keepMs = head.has(names['keep-alive']) ? hintMs(head.value(names['keep-alive']) ?? '') : 0;
    const how = this.#user?.answered(head);
    if (how === undefined || how === 'refused') {
      this.close();
      return false;
    }
    if (how === 'tunnel') {
      this.#switched = true;
      this.#end();
      return true;
    }
    this.#state = streaming;
    this.#body.begin(how.framing, head.length, how.raw);
    if (this.#body.done) return true;
    this.wire.streaming = true;
    return true;
  }

  #readBody(buffer: Buffer, start: number, end: number): void {
    const user = this.#user;
    if (user === undefined) return;
    if (this.#body.done) {
      // Bytes after the end of an answer are nobody's.
      this.#keeps &&= start === end;
      return user.complete(true);
    }
    if (start === end) return;
    const after = this.#body.read(buffer, start, end, user);
    if (after < 0) return this.#garbled();
    if (!this.#body.done || this.#user !== user) return;
    this.#keeps &&= after === end;
    user.complete(true);
  }

  #garbled(): void {
    const user = this.#user;
    const failure = this.#state === streaming ? 'cut' : 'garbled';
    this.close();
    user?.failed(failure, new Error('what the backend sent is no HTTP answer'));
  }
}

/** `Keep-Alive: timeout=5` in ms, less a second: the backend closes when it says so, and our request is on its way. */
function hintMs(value: string): number {
  const seconds = /\btimeout=(\d{1,6})\b/i.exec(value)?.[1];
  return seconds === undefined ? 0 : Math.max(50, Number(seconds) * 1000 - 1000);
}
