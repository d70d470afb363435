import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { randomUUID } from 'node:crypto';
import { createServer, ServerResponse } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { routerErrors, sendRawError } from './handlers/errors.ts';
import type { RouterError } from './handlers/errors.ts';
import { Exchange } from './handlers/exchange.ts';
import type { Finished } from './handlers/exchange.ts';
import { answerHealth, isHealthCheck } from './handlers/health.ts';
import type { Health } from './handlers/health.ts';
import { mayUpgrade } from './handlers/target.ts';

/** What the listener needs; times in milliseconds. */
export interface ProxyServerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly port: number;
  readonly ip: string | undefined;
  readonly health: Health;
  readonly maxHeaderBytes: number;
  readonly requestHeaderMs: number;
  readonly keepAliveMs: number;
  readonly drainWaitMs: number;
  readonly drainTimeoutMs: number;
  readonly serve: (exchange: Exchange) => void;
  readonly finished: Finished;
  /** A request that never became one: no host, no record. */
  readonly rejected: (error: RouterError) => void;
}

const lingerMs = 5000;
const stopTimeoutMs = 1000;

const clientErrors: Readonly<Record<string, RouterError>> = {
  HPE_HEADER_OVERFLOW: routerErrors.headersTooLarge,
  ERR_HTTP_REQUEST_TIMEOUT: routerErrors.clientTimeout,
};

/** The visitors' listener: makes exchanges of requests and upgrades, and drains them at the end. */
export class ProxyServer implements Member {
  readonly name = 'proxy';
  readonly #options: ProxyServerOptions;
  readonly #server: Server;
  /** What runs on each connection, in order; more than one where a client pipelines. */
  readonly #running = new WeakMap<Duplex, Set<Exchange>>();
  /** Connections that left the server's care: tunnels, refused upgrades, and those told to go. */
  readonly #own = new Set<Duplex>();
  #active = 0;
  #closing = false;
  #idle: (() => void) | undefined;

  constructor(options: ProxyServerOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderSize: options.maxHeaderBytes,
      requireHostHeader: false,
      headersTimeout: options.requestHeaderMs,
      requestTimeout: 0,
      connectionsCheckingInterval: Math.min(options.requestHeaderMs, 1000),
      keepAliveTimeout: options.keepAliveMs,
      keepAlive: true,
      noDelay: true,
      shouldUpgradeCallback: mayUpgrade,
    });
    this.#server.maxHeadersCount = 0;
    this.#server.on('request', (request, response) => this.#handle(request, response));
    this.#server.on('checkContinue', (request, response) => this.#handle(request, response, true));
    this.#server.on('checkExpectation', (request, response) => this.#handle(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on('connect', (_request, socket) => this.#reject(socket, routerErrors.methodNotAllowed));
    this.#server.on('clientError', (error, socket) => this.#clientError(error, socket));
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#options.port;
  }

  /** Exchanges and tunnels that are running. */
  get active(): number {
    return this.#active;
  }

  start(): Promise<void> {
    const { port, ip, health, log } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, ...(ip === undefined ? {} : { host: ip }), backlog: 1024 }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => log.error({ event: 'listener-failed', err: error }));
        health.up = true;
        log.info({ event: 'listening', port: this.port });
        resolve();
      });
    });
  }

  /** Health first, then the listener, then what is running; what takes too long is cut off by `stop`. */
  async drain(): Promise<void> {
    const { clock, health, log, drainWaitMs, drainTimeoutMs } = this.#options;
    health.up = false;
    if (drainWaitMs > 0) await clock.sleep(drainWaitMs);
    this.#closing = true;
    this.#server.close();
    this.#server.closeIdleConnections();
    if (this.#active === 0) return;
    log.info({ event: 'draining', active: this.#active });
    await this.#untilIdle(drainTimeoutMs);
    if (this.#active > 0) log.warn({ event: 'drain-timeout', cut_off: this.#active });
  }

  /** Resolves when every connection is closed and what they leave in the log is there. */
  async stop(): Promise<void> {
    this.#options.health.up = false;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    for (const socket of this.#own) socket.destroy();
    await closed;
    await this.#untilIdle(stopTimeoutMs);
  }

  async #untilIdle(timeoutMs: number): Promise<void> {
    if (this.#active === 0) return;
    const late = new AbortController();
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    await Promise.race([idle, this.#options.clock.sleep(timeoutMs, late.signal)]);
    late.abort();
  }

  #handle(request: IncomingMessage, response: ServerResponse, wantsContinue = false): void {
    if (isHealthCheck(request)) return answerHealth(this.#options.health, request, response);
    this.#run(request, response, wantsContinue, undefined);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#adopt(socket);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    socket.on('drain', () => response.emit('drain'));
    response.once('finish', () => {
      response.detachSocket(socket as Socket);
      hangUp(socket as Socket);
      response.emit('close');
    });
    const exchange = this.#run(request, response, false, { socket, head });
    // Like an ordinary request's: a client that ends its side before the 101 has left.
    socket.once('end', () => {
      if (exchange.tunnelledAt === undefined && !response.writableEnded) socket.destroy();
    });
  }

  #run(
    request: IncomingMessage,
    response: ServerResponse,
    wantsContinue: boolean,
    upgrade: { socket: Duplex; head: Buffer } | undefined,
  ): Exchange {
    const { clock, finished, health, serve } = this.#options;
    if (!health.up) response.shouldKeepAlive = false;
    const exchange = new Exchange({
      requestId: randomUUID(),
      request,
      response,
      upgrade,
      now: clock.now(),
      monotonic: clock.monotonic(),
    });
    exchange.wantsContinue = wantsContinue;
    this.#active += 1;
    const { socket } = request;
    const running = this.#running.get(socket) ?? new Set();
    this.#running.set(socket, running.add(exchange));
    response.once('close', () => {
      this.#active -= 1;
      running.delete(exchange);
      const unheard = !response.writableFinished && exchange.routerError === undefined;
      if (unheard) exchange.status ??= 499;
      finished(exchange.record(clock.monotonic()), exchange.endpoint);
      if (this.#closing) setImmediate(() => this.#server.closeIdleConnections());
      if (this.#active === 0) this.#idle?.();
    });
    response.on('error', () => undefined);
    serve(exchange);
    return exchange;
  }

  /** What comes cannot be read as a request, or not as the rest of one. */
  #clientError(error: Error & { code?: string }, socket: Duplex): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const running = [...(this.#running.get(socket) ?? [])];
    const last = running.at(-1);
    if (last === undefined) {
      if (!this.#own.has(socket))
        this.#reject(socket, clientErrors[error.code ?? ''] ?? routerErrors.badRequest);
    } else if (last.request.complete) {
      if (!last.response.shouldKeepAlive) return;
      // It follows requests that are sound: these are answered, an answer to it would be taken for one of theirs.
      last.response.shouldKeepAlive = false;
      last.response.once('close', () => (socket as Socket).destroySoon());
    } else if (running.length === 1) {
      last.fail(routerErrors.badRequest);
    } else {
      socket.destroy();
    }
  }

  #reject(socket: Duplex, error: RouterError): void {
    this.#options.rejected(error);
    this.#adopt(socket);
    sendRawError(socket, error);
    hangUp(socket as Socket);
  }

  #adopt(socket: Duplex): void {
    this.#own.add(socket);
    socket.on('close', () => this.#own.delete(socket));
    socket.on('error', () => socket.destroy());
  }
}

/** Ends a connection so that the client gets to read the answer even when it is still sending. */
function hangUp(socket: Socket): void {
  socket.end();
  socket.resume();
  socket.setTimeout(lingerMs, () => socket.destroy());
  socket.once('end', () => socket.destroySoon());
}
