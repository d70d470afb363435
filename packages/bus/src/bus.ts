import { createInbox, Events, headers } from 'nats';
import type { Msg, NatsConnection } from 'nats';
import { Absence } from './absence.ts';
import { tlsOptionOf } from './bus-tls.ts';
import type {
  BusOptions,
  HandlerContext,
  RequestOptions,
  StreamOptions,
  Subscription,
} from './bus-options.ts';
import { openConnection } from './open-connection.ts';
import { inboxOf } from './permissions.ts';
import { dataOf, headerOf, senderOf } from './told.ts';
import { ParseGuard } from './parse-guard.ts';
import type { Subject } from './subject.ts';
import { childTrace, fromTraceparent, newTrace, toTraceparent } from './trace.ts';
import type { Trace } from './trace.ts';

/** After a server that would not have us. */
const refusedMs = 5000;
type Handler<T> = (message: T, context: HandlerContext) => void | Promise<void>;

/**
 * The connection to the message bus. Reconnects for ever over all configured servers and notices a half-open
 * connection within 24 s. What does not parse is counted and dropped; a failing handler is logged, never thrown.
 */
export class Bus {
  readonly #options: BusOptions;
  readonly #guard: ParseGuard;
  readonly #reconnectListeners: (() => void)[] = [];
  readonly #counters = { published: 0, received: 0, dropped_while_disconnected: 0, handler_errors: 0 };
  /** By the user: each role may listen to its own inboxes only. */
  readonly #inboxPrefix: string;
  #connection: NatsConnection | undefined;
  #connected = false;
  /** Subscriptions made before there was a first connection; undefined: they need not wait. */
  #waiting: Set<() => void> | undefined;
  readonly #stopped = new AbortController();
  readonly #tls: object | null;
  readonly #absence: Absence;

  /** Throws when `servers` and `tls` do not fit together. */
  constructor(options: BusOptions) {
    this.#options = options;
    this.#tls = tlsOptionOf(options.servers, options.tls);
    this.#absence = new Absence(options);
    const user = new URL(options.servers[0] ?? 'nats://none').username;
    this.#inboxPrefix = user === '' ? '_INBOX' : inboxOf(decodeURIComponent(user));
    this.#guard = new ParseGuard(options.log, options.clock);
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** `host:port` of the server in use, for logs and /varz. */
  get server(): string | undefined {
    return this.#connection?.getServer();
  }

  /** Connects; waits as long as it takes for a first server. */
  async start(): Promise<void> {
    await this.#connect();
  }

  /**
   * Connects, and waits no longer than this for a first server; false: none was there, and it goes on trying. Until
   * then messages are dropped and counted, subscriptions are kept, and the first connection counts as a return.
   */
  async startWithin(ms: number): Promise<boolean> {
    const { clock, log } = this.#options;
    this.#waiting = new Set();
    const late = new AbortController();
    const first = this.#connect();
    const there = first.then(() => true);
    const tooLate = clock.sleep(ms, late.signal).then(() => false);
    const inTime = await Promise.race([there, tooLate]).finally(() => late.abort());
    if (inTime) this.#waiting = undefined;
    else {
      log.warn({ event: 'bus-absent', waited_ms: ms });
      void this.#goOnTrying(first);
    }
    return inTime;
  }

  async #goOnTrying(first: Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    for (let attempt = first; ; attempt = this.#connect()) {
      try {
        await attempt;
        break;
      } catch (err) {
        log.error({ event: 'bus-refused', err });
        await clock.sleep(refusedMs, this.#stopped.signal);
      }
    }
    if (!this.#connected) return;
    for (const open of this.#waiting ?? []) open();
    this.#waiting = undefined;
    for (const listener of this.#reconnectListeners) listener();
  }

  async #connect(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#absence.begin();
    const { signal } = this.#stopped;
    const connection = await openConnection(this.#options, this.#tls, signal).finally(() =>
      this.#absence.end(),
    );
    // Whoever waits for a connection of a bus that was stopped goes on waiting: nobody may use it.
    if (!connection) return new Promise(() => undefined);
    if (this.#stopped.signal.aborted) return connection.close();
    this.#connection = connection;
    this.#connected = true;
    this.#options.log.info({ event: 'bus-connected', server: connection.getServer() });
    void this.#watch(connection);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#absence.end();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#connected = false;
    if (!connection || connection.isClosed()) return;
    const late = new AbortController();
    const flushed = connection.flush().catch(() => undefined);
    await Promise.race([flushed, this.#options.clock.sleep(500, late.signal)]);
    late.abort();
    await connection.close();
  }

  /** Fire and forget, at most once. While the bus is away the message is dropped and counted. */
  publish<T>(subject: Subject<T>, payload: T, trace?: Trace): void {
    this.#send(subject.name, payload, trace ?? newTrace());
  }

  subscribe<T>(subject: Subject<T>, handler: Handler<T>): Subscription {
    let subscription: Subscription | undefined;
    const open = (): void => {
      subscription = this.#need().subscribe(subject.name, {
        ...(subject.queue === undefined ? {} : { queue: subject.queue }),
        callback: (error, message) => {
          if (error)
            this.#options.log.warn({ event: 'subscription-error', subject: subject.name, err: error });
          else this.#receive(subject, handler, message);
        },
      });
    };
    if (this.#waiting === undefined) open();
    else this.#waiting.add(open);
    return {
      unsubscribe: () => {
        this.#waiting?.delete(open);
        subscription?.unsubscribe();
      },
    };
  }

  /** Resolves with the replies that came until `max` of them or the timeout; silence is an empty list. */
  async request<T, R>(subject: Subject<T, R>, payload: T, options: RequestOptions): Promise<R[]> {
    const replies: R[] = [];
    const max = options.max ?? 1;
    if (max < 1) return replies;
    await this.requestStream(subject, payload, {
      timeoutMs: options.timeoutMs,
      totalTimeout: true,
      ...(options.trace === undefined ? {} : { trace: options.trace }),
      onReply: (reply) => (replies.push(reply) >= max ? 'done' : 'more'),
    });
    return replies;
  }

  /** Like `request`, for replies that come one after another: the timeout starts anew at each of them. */
  requestStream<T, R>(
    subject: Subject<T, R>,
    payload: T,
    options: StreamOptions<R>,
  ): Promise<'done' | 'timeout'> {
    const { clock, log } = this.#options;
    if (!this.#connected) return clock.sleep(options.timeoutMs).then(() => 'timeout');
    return new Promise((resolve) => {
      const inbox = createInbox(this.#inboxPrefix);
      const end = (how: 'done' | 'timeout'): void => {
        timer.cancel();
        subscription.unsubscribe();
        options.signal?.removeEventListener('abort', giveUp);
        resolve(how);
      };
      const giveUp = (): void => end('timeout');
      options.signal?.addEventListener('abort', giveUp);
      let timer = clock.setTimeout(() => end('timeout'), options.timeoutMs);
      const subscription = this.#need().subscribe(inbox, {
        callback: (error, message) => {
          if (error || message.headers?.code === 503) return;
          const reply = this.#guard.parse(
            subject.reply,
            message.data,
            `${subject.name} (reply)`,
            senderOf(message),
          );
          if (reply === undefined) return;
          if (!options.totalTimeout) {
            timer.cancel();
            timer = clock.setTimeout(() => end('timeout'), options.timeoutMs);
          }
          try {
            if (options.onReply(reply as R) === 'done') end('done');
          } catch (cause) {
            this.#counters.handler_errors++;
            log.error({ event: 'reply-handler-failed', subject: subject.name, err: cause });
          }
        },
      });
      this.#send(subject.name, payload, options.trace ?? newTrace(), inbox);
    });
  }

  /** Figures for /varz. */
  counters(): Record<string, number> {
    return { ...this.#counters, unparsable: this.#guard.rejected };
  }

  /** Called each time the connection came back, or came for the first time after `startWithin` had given up waiting. */
  onReconnect(listener: () => void): void {
    this.#reconnectListeners.push(listener);
  }

  #need(): NatsConnection {
    if (!this.#connection) throw new Error('the bus is not started');
    return this.#connection;
  }

  #send(name: string, payload: unknown, trace: Trace, inbox?: string): void {
    const connection = this.#connection;
    if (!connection || !this.#connected) {
      this.#counters.dropped_while_disconnected++;
      return;
    }
    const header = headers();
    header.set('traceparent', toTraceparent(childTrace(trace)));
    header.set('sender', this.#options.name);
    connection.publish(name, payload === undefined ? '' : JSON.stringify(payload), {
      headers: header,
      ...(inbox === undefined ? {} : { reply: inbox }),
    });
    this.#counters.published++;
  }

  #receive<T>(subject: Subject<T>, handler: Handler<T>, message: Msg): void {
    this.#counters.received++;
    const parsed = subject.text
      ? message.string()
      : this.#guard.parse(subject.schema, message.data, subject.name, senderOf(message));
    if (parsed === undefined) return;
    const trace = fromTraceparent(headerOf(message.headers, 'traceparent')) ?? newTrace();
    const inbox = message.reply;
    const context: HandlerContext = {
      trace,
      subject: message.subject,
      ...(inbox ? { reply: (payload: unknown) => this.#send(inbox, payload, trace) } : {}),
    };
    const failed = (cause: unknown): void => {
      this.#counters.handler_errors++;
      this.#options.log.error({
        event: 'handler-failed',
        subject: subject.name,
        trace_id: trace.traceId,
        err: cause,
      });
    };
    try {
      const result = handler(parsed as T, context);
      if (result instanceof Promise) result.catch(failed);
    } catch (cause) {
      failed(cause);
    }
  }

  async #watch(connection: NatsConnection): Promise<void> {
    const { log } = this.#options;
    for await (const status of connection.status()) {
      if (this.#stopped.signal.aborted) return;
      if (status.type === Events.Disconnect) {
        this.#connected = false;
        log.warn({ event: 'bus-disconnected', server: dataOf(status) });
        this.#absence.begin();
      } else if (status.type === Events.Reconnect) {
        this.#connected = true;
        this.#absence.end();
        log.info({ event: 'bus-reconnected', server: dataOf(status) });
        for (const listener of this.#reconnectListeners) listener();
      } else if (status.type === Events.Error) {
        log.warn({ event: 'bus-error', error: dataOf(status) });
      }
    }
  }
}
