import type { PlaneContext } from '../context.ts';
import { BodyReader } from '../http/body.ts';
import type { ChunkSink } from '../http/chunks.ts';
import { parseRequest } from '../http/request-head.ts';
import type { RequestHead } from '../http/request-head.ts';
import { errorPage, routerErrors } from '../router-errors.ts';
import type { RouterError } from '../router-errors.ts';
import type { WheelItem } from '../wheel.ts';
import { highWaterBytes } from '../wire/wire.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { Exchange } from './exchange.ts';
import { healthAnswer, isHealthCheck } from './health-check.ts';
import { headMayEnd } from './held-head.ts';

const lingerMs = 5000;

/** What a connection does: reads a head; reads a body, waits for its answer, throws a body away; or is on its way out. */
const readingHead = 0;
const readingBody = 1;
const answering = 2;
const discarding = 3;
const lingering = 4;
const tunnelling = 5;

const nobody: ChunkSink = { onBody: () => undefined, onTrailers: () => undefined };

/** A visitor's connection: one request at a time, pipelined ones held back until their turn. */
export class ClientConnection implements WireHandler, WheelItem {
  readonly wire: Wire;
  deadline = 0;
  wheelSlot = -1;
  wheelIndex = 0;
  /** Where the visitor is: a load balancer may have told. */
  address: string;
  port: number;
  readonly scheme: 'http' | 'https';
  readonly #context: PlaneContext;
  readonly #gone: (connection: ClientConnection) => void;
  readonly #exchange: Exchange;
  readonly #body = new BodyReader();
  #state = readingHead;
  #held: Buffer | undefined;
  #inLoop = false;
  #ended = false;
  #bodyPaused = false;
  #served = false;
  /** What is being read came behind a request that was not answered yet. */
  #follows = false;
  #limitMs = 0;
  #addressAndPort: string | undefined;

  constructor(
    context: PlaneContext,
    wire: Wire,
    options: { scheme: 'http' | 'https'; gone: (connection: ClientConnection) => void },
  ) {
    this.#context = context;
    this.wire = wire;
    this.scheme = options.scheme;
    this.#gone = options.gone;
    this.address = wire.remoteAddress;
    this.port = wire.remotePort;
    this.#exchange = new Exchange(context, this);
    wire.handler = this;
    this.expect(context.settings.requestHeaderMs);
  }

  get addressAndPort(): string {
    this.#addressAndPort ??= `${this.address}:${this.port}`;
    return this.#addressAndPort;
  }

  /** Gives the client or the backend, whoever's turn it is, this long. */
  expect(ms: number): void {
    this.#limitMs = this.#ended ? Math.min(ms, this.#context.settings.halfClosedMs) : ms;
    this.#context.wheel.set(this, this.#limitMs);
  }

  /** Something moved: the time begins anew. */
  touch(): void {
    this.deadline = this.#context.wheel.now + this.#limitMs + 50;
  }

  /** Whether another request may follow the present one. */
  willKeep(): boolean {
    if (this.#ended && this.#held === undefined) return false;
    return this.#exchange.persistent && !this.#context.state.draining;
  }

  /** Whether it is the client's body that is waited for. */
  isLate(): boolean {
    return this.#state === readingBody && !this.#bodyPaused && this.#exchange.upload.ready;
  }

  /** The backend is there: lets the body flow. */
  sendBody(): void {
    if (this.#inLoop) return;
    this.#goOn();
    this.#exchange.upload.flush();
  }

  pauseBody(): void {
    this.#bodyPaused = true;
    this.wire.pause();
  }

  resumeBody(): void {
    if (!this.#bodyPaused) return;
    this.#bodyPaused = false;
    this.#goOn();
  }

  /** The answer is written; `keep`: the client was told that it may ask again. */
  answered(keep: boolean): void {
    this.#bodyPaused = false;
    if (this.wire.closed) return;
    if (!keep) return this.#leave();
    if (this.#body.done) return this.#next();
    this.#state = discarding;
    this.expect(this.#context.settings.idleMs);
    if (!this.#inLoop) this.#goOn();
  }

  /** Ends in the middle of an answer; one without framing would look complete, so it is reset. */
  cut(framed: boolean): void {
    if (framed) this.wire.destroy();
    else this.wire.reset();
  }

  destroy(): void {
    this.wire.destroy();
  }

  /** Gives the wire away; what was read and not used comes back. */
  leave(): Buffer | undefined {
    this.#state = tunnelling;
    this.#context.wheel.remove(this);
    const held = this.#held;
    this.#held = undefined;
    return held;
  }

  /** The wire that was given away is closed. */
  left(): void {
    this.#gone(this);
  }

  /** The plane is going: closes at once if nothing runs. */
  closeIfIdle(): void {
    if (this.#state === readingHead && !this.#exchange.running) this.wire.closeSoon();
  }

  onData(buffer: Buffer, length: number): void {
    if (this.#held === undefined) {
      this.#follows = false;
      return this.#run(buffer, 0, length);
    }
    const before = this.#held.length;
    const all = Buffer.concat([this.#held, buffer.subarray(0, length)]);
    if (this.#state === readingHead && !headMayEnd(all, before)) {
      this.#held = all;
      if (all.length > this.#context.settings.maxHeaderBytes) this.#reject(routerErrors.headersTooLarge);
      return;
    }
    this.#held = undefined;
    this.#run(all, 0, all.length);
  }

  onEnd(): void {
    this.#ended = true;
    if (this.#state === readingBody || this.#state === discarding) return this.wire.destroy();
    if (this.#state === answering) return this.expect(this.#limitMs);
    this.wire.closeSoon();
  }

  onDrain(): void {
    this.#exchange.clientDrained();
    if (this.#state === readingHead && !this.#inLoop) this.#goOn();
  }

  onWriteError(): void {
    this.wire.destroy();
  }

  onClose(): void {
    this.#context.wheel.remove(this);
    this.#held = undefined;
    this.#exchange.clientGone();
    this.#gone(this);
  }

  onDeadline(): void {
    if (this.#state === lingering || this.#state === discarding || this.#ended) return this.wire.destroy();
    if (this.#exchange.running) return this.#exchange.timeout();
    if (this.#served && this.#held === undefined) return this.wire.closeSoon();
    this.#reject(routerErrors.clientTimeout);
  }

  /** Uses what is held, or reads more. */
  #goOn(): void {
    if (!this.#bodyPaused) this.wire.resume();
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#follows ||= this.#state === readingHead;
    this.#run(held, 0, held.length);
  }

  #run(buffer: Buffer, start: number, end: number): void {
    let at = start;
    this.#inLoop = true;
    while (at < end) {
      if (this.#state === readingHead) {
        if (this.wire.queued >= highWaterBytes) {
          this.#hold(buffer, at, end);
          this.wire.pause();
          break;
        }
        this.#follows ||= at > start;
        at = this.#head(buffer, at, end);
      } else if (this.#state === readingBody) {
        if (!this.#exchange.upload.ready) {
          this.#hold(buffer, at, end);
          this.wire.pause();
          break;
        }
        at = this.#readBody(buffer, at, end, this.#exchange.upload);
      } else if (this.#state === discarding) {
        at = this.#readBody(buffer, at, end, nobody);
      } else if (this.#state === answering) {
        // The next request has to wait; more than this is not read.
        this.#hold(buffer, at, end);
        this.wire.pause();
        break;
      } else break;
    }
    this.#inLoop = false;
    this.#exchange.upload.flush();
  }

  /** Reads a head; returns where to go on. */
  #head(buffer: Buffer, start: number, end: number): number {
    const { requestHead: head, settings, state } = this.#context;
    const after = parseRequest(head, buffer, start, end);
    if (after === 0 && end - start <= settings.maxHeaderBytes) {
      if (this.#served) this.expect(settings.requestHeaderMs);
      this.#hold(buffer, start, end);
      return end;
    }
    if (after <= 0 || after - start > settings.maxHeaderBytes) {
      this.#reject(after === -400 ? routerErrors.badRequest : routerErrors.headersTooLarge);
      return end;
    }
    this.#served = true;
    if (isHealthCheck(head)) {
      const keep = head.persistent && !head.hasBody && !state.draining;
      this.wire.writeText(healthAnswer(!state.draining, keep));
      if (!keep) this.#leave();
      return after;
    }
    this.#begin(head);
    return after;
  }

  #begin(head: RequestHead): void {
    const { hasBody, chunked, length } = head;
    this.#body.begin(chunked ? 'chunked' : hasBody ? 'length' : 'none', length, true);
    this.#state = hasBody ? readingBody : answering;
    this.wire.streaming = hasBody;
    this.#exchange.begin(head);
  }

  #readBody(buffer: Buffer, start: number, end: number, sink: ChunkSink): number {
    const state = this.#state;
    const after = this.#body.read(buffer, start, end, sink);
    if (this.#state !== state) return end;
    if (after < 0) {
      if (state === discarding) this.wire.destroy();
      else this.#exchange.fail(routerErrors.badRequest);
      return end;
    }
    this.touch();
    if (!this.#body.done) return after;
    this.wire.streaming = false;
    if (state === discarding) this.#next();
    else {
      this.#state = answering;
      this.#exchange.requestDone(this.#body.bytes);
    }
    return after;
  }

  #next(): void {
    const { settings, state } = this.#context;
    this.#state = readingHead;
    if (state.closing || (this.#ended && this.#held === undefined)) return this.wire.closeSoon();
    this.expect(settings.clientKeepAliveMs);
    if (!this.#inLoop) this.#goOn();
  }

  #hold(buffer: Buffer, start: number, end: number): void {
    this.#held = Buffer.from(buffer.subarray(start, end));
  }

  /** Refuses what is no request; the client gets to read why even when it is still sending. */
  #reject(error: RouterError): void {
    const { text } = errorPage(error, { lines: 'Connection: close\r\n' });
    this.#context.stats.rejected(error.code);
    // Behind another request it may be the rest of that one: an answer would be taken for somebody else's.
    if (!this.#follows) this.wire.writeText(text);
    this.#linger();
  }

  /** Closes after an answer: at once when nothing more can come, else when the client has read it. */
  #leave(): void {
    if (
      this.#ended ||
      (this.#body.done && this.#held === undefined && !this.#inLoop && this.#exchange.saidClose)
    )
      return this.wire.closeSoon();
    this.#linger();
  }

  #linger(): void {
    this.#state = lingering;
    this.#held = undefined;
    this.wire.end();
    this.expect(lingerMs);
    this.wire.resume();
  }
}
