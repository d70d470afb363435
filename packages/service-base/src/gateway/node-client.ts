import type { Bus, Logger, NodeSubject, ServiceFailure, Subject, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { ServiceError, serviceErrors } from '@vcap/service-api';

/** How long after its time an answer is still heard, to undo what it tells of. */
const lateMs = 60_000;

type Reply = { success: true } | ServiceFailure;

/** Asks nodes. Silence is 30700 after the gateway's time; a malformed reply counts as silence. */
export class NodeClient implements Member {
  readonly name = 'node-client';
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #serviceName: string;
  readonly #timeoutMs: number;
  readonly #listening = new Set<AbortController>();

  constructor(options: { bus: Bus; clock: Clock; log: Logger; serviceName: string; timeoutMs: number }) {
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#serviceName = options.serviceName;
    this.#timeoutMs = options.timeoutMs;
  }

  async start(): Promise<void> {}

  /** Listens for late answers no longer; who still waits is told 30600. */
  async stop(): Promise<void> {
    for (const each of this.#listening) each.abort();
  }

  /** The successful reply. `undo` is called with one that came after the time. */
  async ask<T, S extends { success: true }>(
    subject: NodeSubject<T, S | ServiceFailure>,
    nodeId: string,
    message: T,
    options: { trace: Trace; undo?: (late: S) => Promise<void>; timeoutMs?: number },
  ): Promise<S> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const limited = { ...message, time_limit_ms: Math.floor(timeoutMs) };
    const { undo } = options;
    const reply = await this.exchange(subject.of(this.#serviceName, nodeId), limited, {
      trace: options.trace,
      timeoutMs,
      ...(undo === undefined ? {} : { late: (late) => (late.success ? undo(late) : undefined) }),
    });
    if (reply.success) return reply;
    const { status, msg, retry_elsewhere } = reply.error;
    throw new ServiceError({ code: msg.code, status, text: '%s' }, msg.description, {
      retryElsewhere: retry_elsewhere === true,
    });
  }

  /** The first reply; `late` hears one that comes after the time. */
  exchange<T, R extends Reply | object>(
    subject: Subject<T, R>,
    message: T,
    options: { trace: Trace; timeoutMs: number; late?: (reply: R) => Promise<void> | undefined },
  ): Promise<R> {
    const { trace, timeoutMs, late } = options;
    if (!this.#bus.connected) {
      return Promise.reject(new ServiceError(serviceErrors.unavailable, 'the message bus is away'));
    }
    return new Promise<R>((resolve, reject) => {
      let open = true;
      const giveUp = new AbortController();
      this.#listening.add(giveUp);
      const timer = this.#clock.setTimeout(() => {
        open = false;
        reject(new ServiceError(serviceErrors.gatewayTimeout, subject.name));
        if (!late) giveUp.abort();
      }, timeoutMs);
      const listening = this.#bus.requestStream(subject, message, {
        timeoutMs: timeoutMs + lateMs,
        totalTimeout: true,
        trace,
        signal: giveUp.signal,
        onReply: (reply) => {
          timer.cancel();
          if (open) resolve(reply);
          else this.#undo(subject.name, late?.(reply));
          return 'done';
        },
      });
      const ended = (error?: unknown): void => {
        timer.cancel();
        this.#listening.delete(giveUp);
        if (open) reject(new ServiceError(serviceErrors.unavailable, subject.name, { cause: error }));
      };
      listening.then(() => ended(), ended);
    });
  }

  #undo(subject: string, undoing: Promise<void> | undefined): void {
    if (!undoing) return;
    this.#log.warn({ event: 'late-reply-undone', subject });
    undoing.catch((err: unknown) => this.#log.error({ event: 'undo-failed', subject, err }));
  }
}
