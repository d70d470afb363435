import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AccessRecord } from '../access-log.ts';
import type { Endpoint } from '../registry/endpoint.ts';
import { sendError } from './errors.ts';
import type { RouterError } from './errors.ts';

/** Where finished exchanges are written down. */
export type Finished = (record: AccessRecord, endpoint: Endpoint | undefined) => void;

/** After these nobody knows where the client's next request would begin. */
const closing: ReadonlySet<number> = new Set([400, 408]);

/** One request and its answer: what is known of them so far, and the record that is left of them. */
export class Exchange {
  readonly requestId: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Present when the client wants to leave HTTP: its connection and what it sent already. */
  readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
  /** Ms since the epoch, and on the monotonic clock. */
  readonly startedAt: number;
  readonly startedMonotonic: number;
  readonly clientAddress: string;
  readonly clientAddressAndPort: string;
  endpoint: Endpoint | undefined;
  /** Monotonic ms at which the last attempt began. */
  attemptedAt: number | undefined;
  requestBytes = 0;
  responseBytes = 0;
  routerError: string | undefined;
  /** Overrides the answer's status in the record: 499, or 101 for a tunnel. */
  status: number | undefined;
  /** Monotonic ms at which a tunnel opened: its life is not latency. */
  tunnelledAt: number | undefined;
  /** The client waits for 100 Continue before it sends the body. */
  wantsContinue = false;

  constructor(o: {
    requestId: string;
    request: IncomingMessage;
    response: ServerResponse;
    upgrade?: { socket: Duplex; head: Buffer } | undefined;
    now: number;
    monotonic: number;
  }) {
    this.requestId = o.requestId;
    this.request = o.request;
    this.response = o.response;
    this.upgrade = o.upgrade;
    this.startedAt = o.now;
    this.startedMonotonic = o.monotonic;
    const { remoteAddress = '', remotePort = 0 } = o.request.socket;
    this.clientAddress = remoteAddress.replace(/^::ffff:/, '');
    this.clientAddressAndPort = `${this.clientAddress}:${remotePort}`;
  }

  /** Answers with one of the router's own pages, or cuts the answer off when it has begun. */
  fail(error: RouterError, text?: string): void {
    this.routerError = error.code;
    if (this.response.headersSent) {
      this.response.destroy();
      return;
    }
    const { shouldKeepAlive } = this.response;
    const close =
      !shouldKeepAlive || this.wantsContinue || this.upgrade !== undefined || closing.has(error.status);
    const headers = ['X-Vcap-Request-Id', this.requestId];
    sendError(this.request, this.response, error, { text, headers, close });
  }

  /** The access log's record; `monotonic` is now. */
  record(monotonic: number): AccessRecord {
    const { request, response, endpoint } = this;
    const { headers } = request;
    const end = this.tunnelledAt ?? monotonic;
    const forwardedFor = headers['x-forwarded-for'];
    return {
      host: headers.host ?? '',
      startedAt: this.startedAt,
      method: request.method ?? '',
      target: request.url ?? '',
      protocol: `HTTP/${request.httpVersion}`,
      status: this.status ?? response.statusCode,
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
      referer: headers.referer,
      userAgent: headers['user-agent'],
      clientAddress: this.clientAddressAndPort,
      backendAddress: endpoint?.address,
      forwardedFor: typeof forwardedFor === 'string' ? forwardedFor : forwardedFor?.join(', '),
      forwardedProto: first(headers['x-forwarded-proto']),
      requestId: this.requestId,
      responseTimeMs: end - this.startedMonotonic,
      routerTimeMs: (this.attemptedAt ?? end) - this.startedMonotonic,
      app: endpoint?.app,
      index: endpoint?.index,
      instanceId: endpoint?.privateInstanceId,
      routerError: this.routerError,
    };
  }
}

function first(value: string | string[] | undefined): string | undefined {
  return typeof value === 'object' ? value[0] : value;
}
