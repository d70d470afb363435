import { constants, performServerHandshake } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import { routerErrors } from '../router-errors.ts';
import { SocketWire } from '../wire/socket-wire.ts';
import { deaf } from '../wire/transport.ts';
import type { Wire } from '../wire/wire.ts';
import type { Certificates } from './certificates.ts';
import { H2Wire } from './h2-wire.ts';
import { readProxyHeader } from './proxy-protocol.ts';
import type { Origin } from './proxy-protocol.ts';
import { tlsSettings } from './tls-settings.ts';

/** What visitors over TLS need. */
export interface TlsFrontOptions {
  readonly certificates: Certificates;
  readonly handshakeMs: number;
  /** 48 bytes with which sessions are sealed. */
  readonly ticketKeys: Buffer;
  /** Load balancers say first where the visitor is. */
  readonly proxyProtocol: boolean;
  /** Called with each connection or HTTP/2 stream, and where the visitor is if somebody told. */
  readonly accepted: (wire: Wire, origin: Origin | undefined) => void;
}

const streamsPerSession = 250;

/** Takes TLS off visitors' connections, chooses the certificate by name, and offers HTTP/2. */
export class TlsFront {
  readonly #options: TlsFrontOptions;
  /** For a directory with one pair: to be asked for a certificate by name costs a quarter of a handshake. */
  readonly #plain: TlsServer;
  readonly #byName: TlsServer;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();
  /** What balancers told of connections, by the balancer's own address and port. */
  readonly #origins = new Map<string, Origin>();

  constructor(options: TlsFrontOptions) {
    const { certificates } = options;
    this.#options = options;
    const common = {
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: options.handshakeMs,
      allowHalfOpen: true,
      ...tlsSettings,
    };
    this.#plain = createServer(common);
    this.#byName = createServer({
      ...common,
      SNICallback: (name, done) => done(null, certificates.for(name)),
    });
    for (const server of [this.#plain, this.#byName]) {
      server.on('tlsClientError', (_error, socket) => socket.destroy());
      server.on('secureConnection', (socket) => this.#accept(socket));
    }
    certificates.onDefault((pair) => {
      for (const server of [this.#plain, this.#byName]) {
        server.setSecureContext({ ...pair, ...tlsSettings });
        // Sessions go on with any worker, and over a change of certificates.
        server.setTicketKeys(options.ticketKeys);
      }
    });
  }

  /** Takes the connections of a listening server. */
  serve(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      if (this.#options.proxyProtocol) this.#readOrigin(socket);
      else this.#begin(socket);
    });
  }

  /** Tells HTTP/2 visitors to ask nothing more here. */
  drain(): void {
    for (const session of this.#sessions) session.close();
  }

  destroy(): void {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #readOrigin(socket: Socket): void {
    let held: Buffer = Buffer.alloc(0);
    const late = (): void => void socket.destroy();
    socket.setTimeout(this.#options.handshakeMs, late);
    const read = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      held = Buffer.concat([held, chunk]);
      const header = readProxyHeader(held);
      if (header === 'more') return;
      socket.off('readable', read);
      socket.setTimeout(0, late);
      if (header === 'bad') {
        socket.destroy();
        return;
      }
      if (header.origin !== undefined) {
        const key = peerKey(socket);
        this.#origins.set(key, header.origin);
        socket.once('close', () => this.#origins.delete(key));
      }
      const rest = held.subarray(header.end);
      if (rest.length > 0) socket.unshift(rest);
      this.#begin(socket);
    };
    socket.on('readable', read);
  }

  #begin(socket: Socket): void {
    const server = this.#options.certificates.single ? this.#plain : this.#byName;
    server.emit('connection', socket);
  }

  #accept(socket: TLSSocket): void {
    const origin = this.#origins.size === 0 ? undefined : this.#origins.get(peerKey(socket));
    if (socket.alpnProtocol !== 'h2') return this.#options.accepted(new SocketWire(socket, deaf), origin);
    const session = performServerHandshake(socket, {
      settings: { maxConcurrentStreams: streamsPerSession },
    });
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    session.on('error', () => session.destroy());
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => {
      if (headers[':method'] === 'CONNECT') {
        stream.on('error', () => undefined);
        const { status, code } = routerErrors.methodNotAllowed;
        stream.respond({ ':status': status, 'x-cf-routererror': code }, { endStream: true });
        return;
      }
      const wire = new H2Wire(stream, headers, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
      this.#options.accepted(wire, origin);
      wire.begin(headers);
    });
  }
}

function peerKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
