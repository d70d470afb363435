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
import { HeldBytes } from './held-bytes.ts';
import type { Visitor } from './visitor.ts';

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
  readonly visitor: Visitor;
  readonly #context: PlaneContext;
  readonly #gone: (connection: ClientConnection) => void;
  readonly #exchange: Exchange;
  readonly #body = new BodyReader();
  #state = readingHead;
  readonly #held = new HeldBytes();
  #inLoop = false;
  #ended = false;
  #bodyPaused = false;
  #served = false;
  /** What is being read came behind a request that was not answered yet. */
  #follows = false;
  #limitMs = 0;

  constructor(
    context: PlaneContext,
    wire: Wire,
    visitor: Visitor,
    gone: (connection: ClientConnection) => void,
  ) {
    this.#context = context;
    this.wire = wire;
    this.visitor = visitor;
    this.#gone = gone;
    this.#exchange = new Exchange(context, this);
    wire.handler = this;
    this.expect(context.settings.requestHeaderMs);
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
    if (this.#ended && this.#held.empty) return false;
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

  /** Gives the wire away; what was read and not used comes back. */
  leave(): Buffer | undefined {
    this.#state = tunnelling;
    this.#context.wheel.remove(this);
    return this.#held.take();
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
    if (this.#held.empty) {
      this.#follows = false;
      return this.#run(buffer, 0, length);
    }
    const complete = this.#held.add(buffer, length);
    if (complete || this.#state !== readingHead) return this.#runHeld();
    if (this.#held.length > this.#context.settings.maxHeaderBytes) this.#reject(routerErrors.headersTooLarge);
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
    this.#held.take();
    this.#exchange.clientGone();
    this.#gone(this);
  }

  onDeadline(): void {
    if (this.#state === lingering || this.#state === discarding || this.#ended) return this.wire.destroy();
    if (this.#exchange.running) return this.#exchange.timeout();
    if (this.#served && this.#held.empty) return this.wire.closeSoon();
    this.#reject(routerErrors.clientTimeout);
  }

  /** Uses what is held, or reads more. */
  #goOn(): void {
    if (!this.#bodyPaused) this.wire.resume();
    if (this.#held.empty) return;
    this.#follows ||= this.#state === readingHead;
    this.#runHeld();
  }

  #runHeld(): void {
    const held = this.#held.take();
    if (held !== undefined) this.#run(held, 0, held.length);
  }

  #run(buffer: Buffer, start: number, end: number): void {
    let at = start;
    this.#inLoop = true;
    while (at < end) {
      if (this.#mustWait()) {
        this.#held.keep(buffer, at, end);
        this.wire.pause();
        break;
      }
      if (this.#state === readingHead) {
        this.#follows ||= at > start;
        at = this.#head(buffer, at, end);
      } else if (this.#state === readingBody || this.#state === discarding) {
        at = this.#readBody(buffer, at, end);
      } else break;
    }
    this.#inLoop = false;
    this.#exchange.upload.flush();
  }

  /** Whether what came cannot be used now: no more is read then. */
  #mustWait(): boolean {
    if (this.#state === readingHead) return this.wire.queued >= highWaterBytes;
    if (this.#state === readingBody) return !this.#exchange.upload.ready;
    return this.#state === answering;
  }

  /** Reads a head; returns where to go on. */
  #head(buffer: Buffer, start: number, end: number): number {
    const { requestHead: head, settings, state } = this.#context;
    const after = parseRequest(head, buffer, start, end);
    if (after === 0 && end - start <= settings.maxHeaderBytes) {
      if (this.#served) this.expect(settings.requestHeaderMs);
      this.#held.keep(buffer, start, end);
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

  #readBody(buffer: Buffer, start: number, end: number): number {
    const state = this.#state;
    const sink = state === discarding ? nobody : this.#exchange.upload;
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
    if (state.closing || (this.#ended && this.#held.empty)) return this.wire.closeSoon();
    this.expect(settings.clientKeepAliveMs);
    if (!this.#inLoop) this.#goOn();
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
    if (this.#ended || (this.#body.done && this.#held.empty && !this.#inLoop && this.#exchange.saidClose))
      return this.wire.closeSoon();
    this.#linger();
  }

  #linger(): void {
    this.#state = lingering;
    this.#held.take();
    this.wire.end();
    this.expect(lingerMs);
    this.wire.resume();
  }
}
