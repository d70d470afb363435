import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Endpoint } from '../registry/endpoint.ts';
import { Attempt } from './attempt.ts';
import type { Failure } from './attempt.ts';
import { pumpBody } from './body.ts';
import { IdleDeadline } from './deadline.ts';
import { routerErrors } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { endpointHeaders, forwardHeaders } from './forward-headers.ts';
import type { ProxyOptions } from './proxy.ts';
import { responseHeaders } from './response-headers.ts';
import { hasBody, isRepeatable } from './target.ts';
import type { Target } from './target.ts';
import { joinTunnel } from './tunnel.ts';

/** `other`: another backend may be tried without doing anything twice. */
export type FailureListener = (failure: Failure, next: 'other' | 'none') => void;

/** Sends one request to backends, one at a time, and brings the answer to the client. */
export class Forward {
  readonly #options: ProxyOptions;
  readonly #exchange: Exchange;
  readonly #target: Target;
  readonly #headers: readonly string[];
  readonly #hasBody: boolean;
  readonly #repeatable: boolean;
  #bodyStarted = false;
  #attempt: Attempt | undefined;
  #deadline: IdleDeadline | undefined;
  #busy: Endpoint | undefined;
  #tunnelled = false;
  #stopBody: (() => void) | undefined;

  constructor(options: ProxyOptions, exchange: Exchange, target: Target) {
    const { request, requestId, clientAddress, startedAt, upgrade } = exchange;
    this.#options = options;
    this.#exchange = exchange;
    this.#target = target;
    this.#hasBody = hasBody(request);
    this.#repeatable = isRepeatable(request);
    this.#headers = forwardHeaders(request, {
      requestId,
      host: target.host,
      clientAddress,
      startedAt,
      upgrade: upgrade === undefined ? undefined : request.headers.upgrade,
      hasBody: this.#hasBody,
    });
  }

  /** Tries a backend; `failed` is called when that brought no answer and the client has got none. */
  to(endpoint: Endpoint, failed: FailureListener): void {
    this.#occupy(endpoint);
    this.#try(endpoint, this.#repeatable && this.#exchange.upgrade === undefined, failed);
  }

  /** Ends what is running towards the backend, because the client is done or gone. */
  abandon(): void {
    if (this.#tunnelled) return;
    this.#deadline?.cancel();
    this.#stopBody?.();
    this.#attempt?.abandon();
    this.#release();
  }

  #try(endpoint: Endpoint, pooled: boolean, failed: FailureListener): void {
    const { clock, upstream, connectMs, maxHeaderBytes } = this.#options;
    const { request } = this.#exchange;
    this.#exchange.attemptedAt = clock.monotonic();
    const attempt = this.#begin(
      {
        clock,
        endpoint,
        connectMs,
        maxHeaderBytes,
        agent: pooled ? upstream.pooled : upstream.fresh,
        method: request.method ?? 'GET',
        target: this.#target.path,
        headers: [...this.#headers, ...endpointHeaders(endpoint)],
      },
      {
        connected: () => attempt && this.#sendBody(attempt),
        response: (response) => this.#answer(endpoint, response),
        upgrade: (response, socket, head) => this.#open(endpoint, response, socket, head),
        failed: (failure) => {
          this.#deadline?.cancel();
          if (failure.kind === 'reset' && failure.reused) return this.#try(endpoint, false, failed);
          this.#release();
          this.#stopBody?.();
          const again =
            failure.kind === 'unreachable' ||
            (failure.kind === 'reset' && (this.#repeatable || (this.#hasBody && !this.#bodyStarted)));
          failed(failure, again ? 'other' : 'none');
        },
      },
    );
    if (attempt === undefined) return;
    this.#attempt = attempt;
    if (!this.#hasBody) attempt.request.end();
  }

  /** Undefined, and the client is told, when the head cannot be written as it is. */
  #begin(...args: ConstructorParameters<typeof Attempt>): Attempt | undefined {
    try {
      return new Attempt(...args);
    } catch {
      this.#release();
      this.#exchange.fail(routerErrors.badRequest);
      return undefined;
    }
  }

  #sendBody(attempt: Attempt): void {
    const { clock, responseMs } = this.#options;
    const { request, response } = this.#exchange;
    this.#deadline = new IdleDeadline(clock, responseMs, () => {
      attempt.abandon();
      this.#stopBody?.();
      this.#release();
      const clientIsLate = !request.complete && !request.isPaused();
      this.#exchange.fail(clientIsLate ? routerErrors.clientTimeout : routerErrors.endpointTimeout);
    });
    if (!this.#hasBody) return;
    attempt.request.flushHeaders();
    if (this.#exchange.wantsContinue) {
      this.#exchange.wantsContinue = false;
      response.writeContinue();
    }
    this.#stopBody = pumpBody(request, attempt.request, (bytes) => {
      this.#bodyStarted = true;
      this.#exchange.requestBytes += bytes;
      this.#deadline?.touch();
    });
  }

  #answer(endpoint: Endpoint, upstream: IncomingMessage): void {
    this.#answered(endpoint);
    const exchange = this.#exchange;
    const { request, response } = exchange;
    const { clock, idleMs } = this.#options;
    if (response.headersSent) return;
    const deadline = new IdleDeadline(clock, idleMs, () => {
      // A visitor who does not read what is there is no fault of the backend: 499.
      if (upstream.isPaused()) response.destroy();
      else exchange.fail(routerErrors.endpointTimeout);
    });
    this.#deadline = deadline;
    const closing = this.#options.draining() || exchange.upgrade !== undefined;
    const headers = responseHeaders(upstream, this.#facts(endpoint, closing ? 'close' : undefined));
    try {
      response.writeHead(upstream.statusCode ?? 502, upstream.statusMessage ?? '', headers);
    } catch {
      return exchange.fail(routerErrors.endpointFailure);
    }
    setImmediate(() => {
      if (!response.destroyed && !response.writableEnded) response.flushHeaders();
    });
    const broken = (): void => {
      if (upstream.complete) return;
      exchange.fail(routerErrors.endpointFailure);
    };
    upstream.on('error', broken);
    upstream.on('close', broken);
    pumpBody(upstream, response, (bytes) => {
      exchange.responseBytes += bytes;
      deadline.touch();
    });
    upstream.once('end', () => {
      if (request.complete) return;
      this.#stopBody?.();
      request.resume();
    });
  }

  #open(endpoint: Endpoint, upstream: IncomingMessage, backend: Duplex, head: Buffer): void {
    const exchange = this.#exchange;
    if (exchange.upgrade === undefined) {
      backend.destroy();
      this.#release();
      return exchange.fail(routerErrors.endpointFailure);
    }
    this.#answered(endpoint);
    this.#tunnelled = true;
    exchange.status = 101;
    exchange.tunnelledAt = this.#options.clock.monotonic();
    const { socket: client, head: clientHead } = exchange.upgrade;
    exchange.response.detachSocket(client as Socket);
    const headers = responseHeaders(upstream, this.#facts(endpoint, 'Upgrade'));
    let text = `HTTP/1.1 101 ${upstream.statusMessage || 'Switching Protocols'}\r\n`;
    for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
    client.write(`${text}\r\n`, 'latin1');
    if (head.length > 0) client.write(head);
    if (clientHead.length > 0) backend.write(clientHead);
    joinTunnel(client, backend, (totals) => {
      exchange.requestBytes = totals.fromClient + clientHead.length;
      exchange.responseBytes = totals.fromBackend + head.length;
      this.#release();
      exchange.response.emit('close');
    });
  }

  #facts(
    endpoint: Endpoint,
    connection: 'close' | 'Upgrade' | undefined,
  ): Parameters<typeof responseHeaders>[1] {
    const { stickyCookieNames } = this.#options;
    return { requestId: this.#exchange.requestId, endpoint, stickyCookieNames, connection };
  }

  #answered(endpoint: Endpoint): void {
    this.#deadline?.cancel();
    if (endpoint.health === 'suspect') endpoint.health = 'up';
  }

  #occupy(endpoint: Endpoint): void {
    this.#exchange.endpoint = endpoint;
    this.#busy = endpoint;
    endpoint.active += 1;
  }

  #release(): void {
    const endpoint = this.#busy;
    if (endpoint === undefined) return;
    this.#busy = undefined;
    endpoint.active -= 1;
    if (endpoint.uris.size === 0) this.#options.upstream.forget(endpoint);
  }
}
