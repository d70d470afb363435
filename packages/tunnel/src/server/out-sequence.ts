import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '@vcap/clock';
import type { Endpoint, StreamEnd } from '../stream/endpoint.ts';
import { answerBytes, answerClosed, answerEnded, answerText } from './answers.ts';

/** A piece of the stream with a number: asked for again, it is the same. */
interface Payload {
  from: number;
  to: number;
}

/** The GETs of one tunnel: payloads in order, each repeatable until the next is asked for (caldecott.md §1.1). */
export class OutSequence {
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #settings: { pollMs: number; maxWaiting: number; payloadBytes(): number };
  /** Requests for the present number that wait for bytes, with what ends their patience. */
  readonly #waiting = new Map<ServerResponse, Timer>();
  /** Answers that are still being written. */
  readonly #writing = new Set<ServerResponse>();
  #seq = 0;
  #payload: Payload | undefined;

  constructor(
    endpoint: Endpoint,
    clock: Clock,
    settings: { pollMs: number; maxWaiting: number; payloadBytes(): number },
  ) {
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#settings = settings;
    endpoint.onChange(() => this.#settle());
  }

  get seq(): number {
    return this.#seq;
  }

  get(seq: number, response: ServerResponse): void {
    if (seq === 0 && this.#seq === 0) return this.#peek(response);
    if (seq !== this.#seq && seq !== this.#seq + 1) {
      answerText(response, 400, `invalid sequence ${seq} for server seq ${this.#seq}`, 'bad-sequence');
      return;
    }
    if (seq === this.#seq + 1) this.#advance();
    this.#wait(response);
    this.#settle();
  }

  /** Answers whoever waits: the tunnel is over, and unless its client wished so, bytes may lack. */
  close({ clean, reason }: StreamEnd): void {
    this.#dismiss((response) => {
      if (clean) answerClosed(response, { clean, reason });
      else answerEnded(response, reason);
    });
  }

  /** Before the first GET, what came in can be looked at without taking it. */
  #peek(response: ServerResponse): void {
    answerBytes(response, this.#endpoint.incoming.read(0, this.#settings.payloadBytes()));
  }

  #advance(): void {
    // Who asks for the next has the present one: nobody reads these answers any more.
    for (const response of this.#writing) response.destroy();
    this.#dismiss((response) => answerText(response, 400, `sequence ${this.#seq} is over`, 'bad-sequence'));
    if (this.#payload !== undefined) this.#endpoint.release(this.#payload.to);
    this.#payload = undefined;
    this.#seq += 1;
  }

  #wait(response: ServerResponse): void {
    if (this.#waiting.size + this.#writing.size >= this.#settings.maxWaiting) {
      answerText(response, 503, 'too many requests wait for this tunnel', 'too-many-requests');
      return;
    }
    const timer = this.#clock.setTimeout(() => this.#freeze(true), this.#settings.pollMs);
    this.#waiting.set(response, timer);
    response.once('close', () => {
      this.#waiting.get(response)?.cancel();
      this.#waiting.delete(response);
      this.#writing.delete(response);
    });
  }

  /** Answers all who wait, if there is something to say. */
  #settle(): void {
    if (this.#waiting.size === 0) return;
    if (this.#payload === undefined) this.#freeze(false);
    const payload = this.#payload;
    if (payload !== undefined) this.#dismiss((response) => this.#send(response, payload));
    else if (this.#endpoint.ended !== undefined) {
      const end = this.#endpoint.ended;
      this.#dismiss((response) => answerClosed(response, end));
    }
  }

  /** Makes what is there the payload of the present number; when `evenEmpty`, nothing is a payload too. */
  #freeze(evenEmpty: boolean): void {
    if (this.#payload === undefined) {
      const { start, length } = this.#endpoint.incoming;
      if (length === 0 && !evenEmpty) return;
      this.#payload = { from: start, to: start + Math.min(length, this.#settings.payloadBytes()) };
    }
    if (evenEmpty) this.#settle();
  }

  #send(response: ServerResponse, { from, to }: Payload): void {
    this.#writing.add(response);
    answerBytes(response, this.#endpoint.incoming.read(from, to - from));
  }

  #dismiss(answer: (response: ServerResponse) => void): void {
    for (const [response, timer] of this.#waiting) {
      timer.cancel();
      this.#waiting.delete(response);
      answer(response);
    }
  }
}
