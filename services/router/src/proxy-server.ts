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

/** The visitors' listener: makes exchanges of requests and upgrades, and drains them at the end. */
export class ProxyServer implements Member {
  readonly name = 'proxy';
  readonly #options: ProxyServerOptions;
  readonly #server: Server;
  readonly #answering = new WeakMap<Duplex, ServerResponse>();
  /** Connections that left the server's care: tunnels and refused upgrades. */
  readonly #upgraded = new Set<Duplex>();
  #active = 0;
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
    this.#server.close();
    this.#server.closeIdleConnections();
    if (this.#active === 0) return;
    log.info({ event: 'draining', active: this.#active });
    const late = new AbortController();
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    await Promise.race([idle, clock.sleep(drainTimeoutMs, late.signal)]);
    late.abort();
    if (this.#active > 0) log.warn({ event: 'drain-timeout', cut_off: this.#active });
  }

  async stop(): Promise<void> {
    this.#options.health.up = false;
    if (this.#server.listening) this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
  }

  #handle(request: IncomingMessage, response: ServerResponse, wantsContinue = false): void {
    if (isHealthCheck(request)) return answerHealth(this.#options.health, request, response);
    this.#run(request, response, wantsContinue, undefined);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#upgraded.add(socket);
    socket.on('close', () => this.#upgraded.delete(socket));
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    socket.on('drain', () => response.emit('drain'));
    response.once('finish', () => {
      response.detachSocket(socket as Socket);
      hangUp(socket as Socket);
      response.emit('close');
    });
    this.#run(request, response, false, { socket, head });
  }

  #run(
    request: IncomingMessage,
    response: ServerResponse,
    wantsContinue: boolean,
    upgrade: { socket: Duplex; head: Buffer } | undefined,
  ): void {
    const { clock, finished, serve } = this.#options;
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
    this.#answering.set(socket, response);
    response.once('close', () => {
      this.#active -= 1;
      if (this.#answering.get(socket) === response) this.#answering.delete(socket);
      const unheard = !response.writableFinished && exchange.routerError === undefined;
      if (unheard) exchange.status ??= 499;
      finished(exchange.record(clock.monotonic()), exchange.endpoint);
      if (this.#active === 0) this.#idle?.();
    });
    response.on('error', () => undefined);
    serve(exchange);
  }

  #clientError(error: Error & { code?: string }, socket: Duplex): void {
    const answering = this.#answering.get(socket);
    if (error.code === 'ECONNRESET' || !socket.writable || answering?.headersSent === true) {
      socket.destroy();
    } else if (error.code === 'HPE_HEADER_OVERFLOW') {
      this.#reject(socket, routerErrors.headersTooLarge);
    } else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      this.#reject(socket, routerErrors.clientTimeout);
    } else {
      this.#reject(socket, routerErrors.badRequest);
    }
  }

  #reject(socket: Duplex, error: RouterError): void {
    this.#options.rejected(error);
    socket.on('error', () => socket.destroy());
    sendRawError(socket, error);
    hangUp(socket as Socket);
  }
}

/** Ends a connection so that the client gets to read the answer even when it is still sending. */
function hangUp(socket: Socket): void {
  socket.end();
  socket.resume();
  socket.setTimeout(lingerMs, () => socket.destroy());
  socket.once('end', () => socket.destroySoon());
}
