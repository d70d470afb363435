import { crc32 } from 'node:zlib';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@vcap/clock';
import type { Endpoint } from '../stream/endpoint.ts';
import { finHeader } from '../wire/headers.ts';
import { answerClosed, answerText } from './answers.ts';
import { bodyPieces } from './body-pieces.ts';

export interface InSettings {
  /** A destination that takes nothing for this long makes the PUT be answered "again". */
  pollMs: number;
  bodyIdleMs: number;
  maxPutBytes: number;
  /** Called when the stream to the destination cannot go on truthfully. */
  fail(reason: string): void;
}

/**
 * The PUTs of one tunnel. A body goes to the destination as it comes; when it breaks off, what was passed on is
 * remembered by length and checksum, and the repeat goes on from there: nothing is lost and nothing comes twice.
 */
export class InSequence {
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #settings: InSettings;
  #seq = 0;
  /** Bytes of PUT `seq + 1` that the destination has already, and their checksum. */
  #passed = 0;
  #passedCrc = 0;
  #finished = false;
  #current: { abort: AbortController; done: Promise<void> } | undefined;

  constructor(endpoint: Endpoint, clock: Clock, settings: InSettings) {
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#settings = settings;
  }

  get seq(): number {
    return this.#seq;
  }

  async put(seq: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (Number(request.headers['content-length'] ?? 0) > this.#settings.maxPutBytes) {
      response.setHeader('Connection', 'close');
      const text = `a body may have ${this.#settings.maxPutBytes} bytes at most`;
      return answerText(response, 413, text, 'too-large');
    }
    // The newest request is the one whose sender still waits: an older one is a dead connection.
    const older = this.#current;
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    let finished = (): void => undefined;
    const current = { abort, done: new Promise<void>((resolve) => (finished = resolve)) };
    this.#current = current;
    try {
      older?.abort.abort();
      await older?.done;
      if (!abort.signal.aborted) await this.#take(seq, request, response, abort.signal);
    } finally {
      if (this.#current === current) this.#current = undefined;
      finished();
    }
  }

  /** Ends what is under way: the tunnel was removed. */
  close(): void {
    this.#current?.abort.abort();
  }

  async #take(
    seq: number,
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    if (seq === this.#seq && seq > 0) {
      request.resume();
      return answerText(response, 201, '');
    }
    if (seq !== this.#seq + 1) {
      request.resume();
      return answerText(response, 400, `invalid sequence ${seq} for server seq ${this.#seq}`, 'bad-sequence');
    }
    if (this.#finished) {
      request.resume();
      return answerText(response, 400, 'nothing can follow what was declared the end', 'bad-sequence');
    }
    const outcome = await this.#pass(request, signal);
    switch (outcome) {
      case 'aborted':
        request.destroy();
        return;
      case 'closed':
        return answerClosed(response, this.#endpoint.ended ?? { clean: false, reason: 'closed' });
      case 'stalled':
        return answerText(response, 503, 'the destination does not read; repeat', 'destination-stalled');
      case 'too-large':
        response.setHeader('Connection', 'close');
        this.#settings.fail('a body grew too large');
        return answerText(response, 413, 'too many bytes in one body', 'too-large');
      case 'altered':
        this.#settings.fail('a repeated PUT had other bytes than the first');
        return answerText(response, 400, `the repeat of ${seq} has other bytes`, 'altered-repeat');
      case 'whole':
        this.#seq = seq;
        this.#passed = 0;
        this.#passedCrc = 0;
        if (request.headers[finHeader] !== undefined) {
          this.#finished = true;
          this.#endpoint.finish();
        }
        return answerText(response, 202, '');
    }
  }

  /** Passes on the body, without the part that went before. */
  async #pass(
    request: IncomingMessage,
    signal: AbortSignal,
  ): Promise<'whole' | 'aborted' | 'closed' | 'stalled' | 'altered' | 'too-large'> {
    const known = this.#passed;
    const knownCrc = this.#passedCrc;
    let at = 0;
    let crc = 0;
    const pieces = bodyPieces(request, this.#clock, this.#settings.bodyIdleMs, signal);
    for await (const piece of pieces) {
      if (at + piece.length > this.#settings.maxPutBytes) return 'too-large';
      const repeated = Math.max(0, Math.min(piece.length, known - at));
      if (repeated > 0) crc = crc32(piece.subarray(0, repeated), crc);
      at += piece.length;
      if (at >= known && at - piece.length < known && crc !== knownCrc) return 'altered';
      const fresh = piece.subarray(repeated);
      if (fresh.length === 0) continue;
      if (this.#endpoint.closed) return 'closed';
      const flowing = this.#endpoint.write(fresh);
      this.#passed += fresh.length;
      this.#passedCrc = crc32(fresh, this.#passedCrc);
      if (!flowing && !(await this.#drained(signal))) return signal.aborted ? 'aborted' : 'stalled';
    }
    if (signal.aborted || !request.complete) return 'aborted';
    if (at < known) return 'altered';
    return this.#endpoint.closed ? 'closed' : 'whole';
  }

  /** False when the destination did not take what it was given in time. */
  async #drained(signal: AbortSignal): Promise<boolean> {
    const patience = new AbortController();
    const timer = this.#clock.setTimeout(() => patience.abort(), this.#settings.pollMs);
    try {
      await this.#endpoint.drained(AbortSignal.any([signal, patience.signal]));
      return this.#endpoint.writable || this.#endpoint.closed;
    } finally {
      timer.cancel();
    }
  }
}
