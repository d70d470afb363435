import type { Clock, Timer } from '@vcap/clock';
import { request as startRequest } from 'node:http';
import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Endpoint } from '../registry/endpoint.ts';

/** Why an attempt brought no answer. */
export type Failure =
  /** No connection came about: nothing was sent. `local`: for want of something on this host. */
  | {
      readonly kind: 'unreachable';
      readonly timedOut: boolean;
      readonly local: boolean;
      readonly error: Error;
    }
  /** The connection ended before the first byte of an answer. */
  | { readonly kind: 'reset'; readonly reused: boolean; readonly error: Error }
  /** What came is no answer, or only the beginning of one. */
  | { readonly kind: 'garbled'; readonly error: Error };

/** What an attempt reports; exactly one of `response`, `upgrade` and `failed` is called, unless it is abandoned. */
export interface AttemptEvents {
  /** The connection is there: the body may be sent. */
  connected(): void;
  response(response: IncomingMessage): void;
  upgrade(response: IncomingMessage, socket: Duplex, head: Buffer): void;
  failed(failure: Failure): void;
}

/** One request to one backend. */
export interface AttemptOptions {
  readonly clock: Clock;
  readonly endpoint: Endpoint;
  readonly agent: Agent;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly connectMs: number;
  readonly maxHeaderBytes: number;
}

/** Lacks of this host that say nothing about the backend. */
const localCodes = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/** A request on its way to a backend. The caller writes the body and ends it. */
export class Attempt {
  readonly request: ClientRequest;
  readonly #events: AttemptEvents;
  readonly #connectMs: number;
  #over = false;
  #connected = false;
  #timedOut = false;
  #bytesReadBefore = 0;
  #dialTimer: Timer | undefined;

  constructor(options: AttemptOptions, events: AttemptEvents) {
    const { endpoint, agent, method, target: path, headers, maxHeaderBytes } = options;
    this.#events = events;
    this.#connectMs = options.connectMs;
    const request: RequestOptions & { readonly endpoint: Endpoint } = {
      agent,
      endpoint,
      host: endpoint.host,
      port: endpoint.port,
      method,
      path,
      headers,
      maxHeaderSize: maxHeaderBytes,
    };
    this.request = startRequest(request);
    this.request.maxHeadersCount = 0;
    this.request.once('socket', (socket) => {
      this.#bytesReadBefore = socket.bytesRead;
      if (!socket.connecting) return this.#onConnect();
      this.#dialTimer = options.clock.setTimeout(() => this.#dialTimeout(), this.#connectMs);
      socket.once('connect', () => this.#onConnect());
    });
    this.request.once('response', (response) => this.#end(() => events.response(response)));
    this.request.once('upgrade', (response, socket, head) =>
      this.#end(() => events.upgrade(response, socket, head)),
    );
    this.request.on('error', (error: Error) => this.#fail(error));
  }

  /** Gives it up and closes its connection; nothing is reported from now on. */
  abandon(): void {
    this.#end(() => undefined);
    this.request.destroy();
  }

  #onConnect(): void {
    this.#dialTimer?.cancel();
    if (this.#over) return;
    this.#connected = true;
    this.#events.connected();
  }

  #dialTimeout(): void {
    this.#timedOut = true;
    this.request.destroy(new Error(`no connection within ${this.#connectMs} ms`));
  }

  #fail(error: Error & { code?: string }): void {
    const { request } = this;
    this.#end(() => {
      if (!this.#connected) {
        const local = localCodes.has(error.code ?? '');
        this.#events.failed({ kind: 'unreachable', timedOut: this.#timedOut, local, error });
      } else if (request.socket !== null && request.socket.bytesRead > this.#bytesReadBefore) {
        this.#events.failed({ kind: 'garbled', error });
      } else {
        this.#events.failed({ kind: 'reset', reused: request.reusedSocket, error });
      }
    });
  }

  #end(report: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#dialTimer?.cancel();
    report();
  }
}
