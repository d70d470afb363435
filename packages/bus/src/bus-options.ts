import type { Clock } from '@vcap/clock';
import type { Logger } from 'pino';
import type { BusTls } from './bus-tls.ts';
import type { Trace } from './trace.ts';

export interface BusOptions {
  /** `nats://user:password@host:port`, any number of them; or `tls://`, and then nothing is said without TLS. */
  servers: string[];
  /** For `tls://`. */
  tls?: BusTls | undefined;
  /** Shown in the server's list of connections. */
  name: string;
  log: Logger;
  clock: Clock;
  /** A server that left two pings unanswered is given up: half-open connections show within three intervals. */
  pingIntervalMs?: number;
}
export interface HandlerContext {
  /** The sender's trace, or a new one. */
  trace: Trace;
  subject: string;
  /** Present when the sender waits for an answer. */
  reply?: (payload: unknown) => void;
}
export interface RequestOptions {
  timeoutMs: number;
  /** Ends early at this many replies; 1 by default. */
  max?: number;
  trace?: Trace;
}
export interface StreamOptions<R> {
  timeoutMs: number;
  /** The timeout is for all replies together instead of for each. */
  totalTimeout?: boolean;
  onReply: (reply: R) => 'more' | 'done';
  trace?: Trace;
  /** Gives up waiting when it aborts; the answer is then `timeout`. */
  signal?: AbortSignal;
}
export interface Subscription {
  unsubscribe(): void;
}
