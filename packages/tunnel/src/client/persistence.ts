import type { Clock } from '@vcap/clock';
import type { Answer, Call, Caller } from './caller.ts';
import { answeredBy, codeOf, isUnknownTunnel, judge } from './judge.ts';
import { NoAnswerError } from './network-error.ts';
import { Patience } from './patience.ts';
import type { Trouble } from './trouble.ts';
import { TunnelError } from './tunnel-error.ts';

export interface PersistenceOptions {
  caller: Caller;
  clock: Clock;
  /** How long failures may follow one another, in ms. */
  totalMs: number;
  trouble: Trouble;
  /** The process that holds the tunnel, when it said so. */
  instance: string | undefined;
  /** How long another process's "unknown" is doubted, in ms: a router that has just started may know that one first. */
  doubtMs: number;
}

/** Repeats what failed in passing, and tells a tunnel that is gone from one that cannot be reached just now. */
export class Persistence {
  readonly #options: PersistenceOptions;
  readonly #patience: Patience;
  readonly #key = {};
  #unknownSince: number | undefined;

  constructor(options: PersistenceOptions) {
    this.#options = options;
    const { clock, totalMs, trouble } = options;
    this.#patience = new Patience({
      clock,
      totalMs,
      onTrouble: (error) => trouble.began(this.#key, error),
      onRecovered: () => trouble.ended(this.#key),
    });
  }

  succeeded(): void {
    this.#unknownSince = undefined;
    this.#patience.succeeded();
  }

  /** Waits before the next try. @throws TunnelError when there is no sense in one */
  async failed(error: unknown, signal: AbortSignal): Promise<void> {
    try {
      if (!(error instanceof TunnelError)) throw error;
      await this.#patience.failed(error, signal);
    } catch (given) {
      this.over();
      throw given;
    }
  }

  /** There will be no other try: what is still wrong here is nobody's trouble any more. */
  over(): void {
    this.#options.trouble.forget(this.#key);
  }

  /** The same for an answer that is no success. */
  async refused(answer: Answer, signal: AbortSignal): Promise<void> {
    const { caller, clock, instance, doubtMs } = this.#options;
    if (!isUnknownTunnel(answer)) return this.failed(judge(caller.origin, answer), signal);
    this.#unknownSince ??= clock.monotonic();
    const elsewhere = instance !== undefined && answeredBy(answer) !== instance;
    const passing = elsewhere && clock.monotonic() - this.#unknownSince < doubtMs;
    const text = elsewhere
      ? 'the instance that held this connection is gone (restarted or crashed)'
      : 'it no longer knows this connection';
    await this.failed(new TunnelError('caldecott', text, { passing }), signal);
  }

  /** Calls until `accept` holds; undefined when `signal` aborts. @throws TunnelError */
  async call(
    call: Call,
    accept: (answer: Answer) => boolean,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const { caller, clock } = this.#options;
    while (!signal.aborted) {
      const began = clock.monotonic();
      let answer: Answer;
      try {
        answer = await caller.call({ ...call, signal });
      } catch (error) {
        if (signal.aborted) break;
        if (!isNoNews(call, error)) await this.failed(error, signal);
        continue;
      }
      if (accept(answer)) {
        this.succeeded();
        return answer;
      }
      if (codeOf(answer) === 'destination-stalled') this.succeeded();
      else if (!isQuietPoll(call, answer, clock.monotonic() - began)) await this.refused(answer, signal);
    }
    this.over();
    return undefined;
  }
}

/** The originals' server lets a GET wait for ever: no answer is no failure. */
function isNoNews(call: Call, error: unknown): boolean {
  return call.poll === true && error instanceof TunnelError && error.cause instanceof NoAnswerError;
}

/** Routers lose patience with such a GET (caldecott.md §1.5); at once, it would be their failure. */
function isQuietPoll(call: Call, answer: Answer, tookMs: number): boolean {
  return call.poll === true && answer.status === 504 && tookMs > 5000;
}
