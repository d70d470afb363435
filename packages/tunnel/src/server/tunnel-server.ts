import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@vcap/clock';
import { WebSocketServer } from 'ws';
import { ConnectError } from '../stream/connect.ts';
import { codeHeader, instanceHeader, tokenHeader } from '../wire/headers.ts';
import type { TunnelCode } from '../wire/headers.ts';
import { answerJson, answerText } from './answers.ts';
import type { Authorise, Grant } from './grant.ts';
import { defaultLimits } from './limits.ts';
import type { TunnelLimits } from './limits.ts';
import { headerText, parsePath, readDestination } from './request-parts.ts';
import { TooManyTunnelsError, TunnelRegistry } from './tunnel-registry.ts';
import type { TunnelEvent } from './tunnel-registry.ts';

export interface TunnelServerOptions {
  clock: Clock;
  authorise: Authorise;
  limits?: Partial<TunnelLimits>;
  /** Refuses addresses after the name was resolved. */
  allowsAddress?: (address: string) => boolean;
  observe?: (event: TunnelEvent) => void;
}

/** The largest message that our own client sends is far below. */
const LARGEST_MESSAGE_BYTES = 1024 * 1024;
const LARGEST_JSON_ERROR = 413;

/**
 * The server half: everything below `/tunnels` over HTTP and WebSocket (caldecott.md §1). It is mounted into an HTTP
 * server: `guard` before all routes, then `handle`, and `upgrade` on the server's event of that name.
 */
export class TunnelServer {
  readonly registry: TunnelRegistry;
  /** Told in every answer: tunnels live in one process. */
  readonly instance = randomUUID();
  readonly #clock: Clock;
  readonly #authorise: Authorise;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LARGEST_MESSAGE_BYTES,
  });
  #refused = 0;

  constructor({ clock, authorise, limits, allowsAddress, observe }: TunnelServerOptions) {
    this.#clock = clock;
    this.#authorise = authorise;
    this.registry = new TunnelRegistry({
      clock,
      limits: { ...defaultLimits, ...limits },
      ...(allowsAddress === undefined ? {} : { allowsAddress }),
      observe: observe ?? (() => undefined),
    });
  }

  /** Requests without a right token so far. */
  get refused(): number {
    return this.#refused;
  }

  start(): void {
    this.registry.start();
  }

  /** Ends all tunnels. */
  stop(): void {
    this.registry.stop();
  }

  /** Lets requests with a right token pass; all others are answered 404 without a body, as if nothing were here. */
  guard(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    response.setHeader(instanceHeader, this.instance);
    if (this.grantOf(request) !== undefined) return next();
    this.#refused += 1;
    answerText(response, 404, '');
  }

  grantOf(request: IncomingMessage): Grant | undefined {
    return this.#authorise(headerText(request, tokenHeader));
  }

  /** Answers what lies below `/tunnels`, and leaves the rest to `next`. */
  handle(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    const path = parsePath(request.url);
    const grant = this.grantOf(request);
    if (path === undefined || grant === undefined) return next();
    response.setHeader(instanceHeader, this.instance);
    const { method } = request;
    if (path.kind === 'all' && method === 'POST') return void this.#open(request, response, grant);
    if (path.kind === 'in' && method === 'PUT') return void this.#in(path, request, response, grant);
    request.resume();
    if (path.kind === 'out' && method === 'GET') return this.#out(path, response, grant);
    if (path.kind === 'all' && method === 'GET') {
      return answerJson(
        response,
        200,
        this.registry.ofOwner(grant).map((tunnel) => tunnel.info),
      );
    }
    if (path.kind === 'one' && method === 'GET') return this.#show(path.id, response, grant);
    if (path.kind === 'one' && method === 'DELETE') return this.#remove(path.id, response, grant);
    answerText(response, 405, `${method ?? ''} is not for this path`, 'bad-request');
  }

  /** Opens the WebSocket of a tunnel, or answers why not. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const grant = this.grantOf(request);
    const path = parsePath(request.url);
    if (grant === undefined) {
      this.#refused += 1;
      return this.#refuseUpgrade(socket, '404 Not Found', '');
    }
    if (path?.kind !== 'socket')
      return this.#refuseUpgrade(socket, '404 Not Found', 'no such path', 'bad-request');
    const tunnel = this.registry.find(path.id, grant);
    if (tunnel === undefined) {
      return this.#refuseUpgrade(socket, '404 Not Found', unknownText(path.id), 'unknown-tunnel');
    }
    if (!tunnel.use('websocket')) {
      return this.#refuseUpgrade(socket, '400 Bad Request', 'this tunnel goes over HTTP', 'wrong-transport');
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (this.registry.find(path.id, grant) === tunnel) tunnel.attach(webSocket);
      else webSocket.terminate();
    });
  }

  async #open(request: IncomingMessage, response: ServerResponse, grant: Grant): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const wish = await readDestination(request, this.#clock, gone.signal);
    if (typeof wish === 'string') {
      const tooLarge = wish.includes('more than');
      return answerText(
        response,
        tooLarge ? LARGEST_JSON_ERROR : 400,
        wish,
        tooLarge ? 'too-large' : 'bad-request',
      );
    }
    if (!grant.allows(wish)) {
      const text = `${wish.host}:${wish.port} is not the address of a service that this token opens`;
      return answerText(response, 403, text, 'forbidden-destination');
    }
    try {
      const tunnel = await this.registry.open(wish, grant, gone.signal);
      if (gone.signal.aborted) return this.registry.remove(tunnel.id, 'nobody waited for it');
      // Routers make a session sticky when this cookie appears (router.md): a tunnel lives in this process alone.
      const cookie = `JSESSIONID=${tunnel.id}; Path=/; HttpOnly`;
      answerJson(response, 201, tunnel.info, { 'Set-Cookie': cookie });
    } catch (error) {
      if (error instanceof ConnectError) answerText(response, 502, error.message, 'destination-refused');
      else if (error instanceof TooManyTunnelsError)
        answerText(response, 503, error.message, 'too-many-tunnels');
      else answerText(response, 500, 'unexpected error');
    }
  }

  #out({ id, seq }: { id: string; seq: number }, response: ServerResponse, grant: Grant): void {
    const tunnel = this.registry.find(id, grant);
    if (tunnel === undefined) return unknown(response, id);
    if (!tunnel.use('http'))
      return answerText(response, 400, 'this tunnel goes over a WebSocket', 'wrong-transport');
    tunnel.get(seq, response);
  }

  async #in(
    { id, seq }: { id: string; seq: number },
    request: IncomingMessage,
    response: ServerResponse,
    grant: Grant,
  ): Promise<void> {
    const tunnel = this.registry.find(id, grant);
    if (tunnel?.use('http') !== true) {
      request.resume();
      if (tunnel === undefined) return unknown(response, id);
      return answerText(response, 400, 'this tunnel goes over a WebSocket', 'wrong-transport');
    }
    await tunnel.put(seq, request, response);
  }

  #show(id: string, response: ServerResponse, grant: Grant): void {
    const tunnel = this.registry.find(id, grant);
    if (tunnel === undefined) return unknown(response, id);
    tunnel.touch();
    answerJson(response, 200, tunnel.info);
  }

  #remove(id: string, response: ServerResponse, grant: Grant): void {
    if (this.registry.find(id, grant) === undefined) return unknown(response, id);
    this.registry.remove(id, 'done');
    answerText(response, 200, '');
  }

  #refuseUpgrade(socket: Duplex, status: string, text: string, code?: TunnelCode): void {
    const headers = [
      `HTTP/1.1 ${status}`,
      'Connection: close',
      'Content-Type: text/plain',
      `Content-Length: ${Buffer.byteLength(text)}`,
      `${instanceHeader}: ${this.instance}`,
      ...(code === undefined ? [] : [`${codeHeader}: ${code}`]),
    ];
    socket.end(`${headers.join('\r\n')}\r\n\r\n${text}`);
  }
}

const unknownText = (id: string): string => `tunnel ${id} does not exist`;

function unknown(response: ServerResponse, id: string): void {
  answerText(response, 404, unknownText(id), 'unknown-tunnel');
}
