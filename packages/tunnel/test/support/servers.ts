import { createHash } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { systemClock } from '@vcap/clock';
import type { Clock } from '@vcap/clock';
import { sameSecret, TunnelServer } from '../../src/index.ts';
import type { Destination, TunnelEvent, TunnelLimits } from '../../src/index.ts';

export const token = 'the-right-token';

export interface Started {
  port: number;
  stop(): Promise<void>;
}

/** A TCP server on a free port; stopping it cuts what is open. */
export async function startTcp(onConnection: (socket: Socket) => void, port = 0): Promise<Started> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  return { port: await listen(server, port), stop: () => close(server, sockets) };
}

/** Sends everything back, and ends when the other side has ended. */
export const startEcho = (): Promise<Started> => startTcp((socket) => socket.pipe(socket));

export interface RunningCaldecott extends Started {
  url: string;
  tunnels: TunnelServer;
  events: TunnelEvent[];
  /** Cuts all its connections without a word, and listens no more. */
  kill(): Promise<void>;
}

export interface CaldecottOptions {
  allowed: Destination[];
  clock?: Clock;
  limits?: Partial<TunnelLimits>;
  info?: unknown;
  port?: number;
}

/** The server half in a plain HTTP server, with `/info` as the helper answers it. */
export async function startCaldecott(options: CaldecottOptions): Promise<RunningCaldecott> {
  const { allowed, clock = systemClock, limits = {}, port = 0 } = options;
  const info = options.info ?? { version: '0.0.4', transports: ['websocket', 'http'], half_close: true };
  const events: TunnelEvent[] = [];
  const tunnels = new TunnelServer({
    clock,
    limits,
    observe: (event) => events.push(event),
    authorise: (given) =>
      given !== undefined && sameSecret(given, token)
        ? {
            owner: 'test',
            allows: ({ host, port }) => allowed.some((each) => each.host === host && each.port === port),
          }
        : undefined,
  });
  const sockets = new Set<Socket>();
  const server = createHttpServer({ requestTimeout: 0 }, (request, response) => {
    tunnels.guard(request, response, () => {
      tunnels.handle(request, response, () => {
        response.writeHead(request.url === '/info' ? 200 : 404, { 'Content-Type': 'application/json' });
        response.end(request.url === '/info' ? JSON.stringify(info) : 'no such page');
      });
    });
  });
  server.on('upgrade', (request, socket, head) => tunnels.upgrade(request, socket, head));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  tunnels.start();
  const bound = await listen(server, port);
  return {
    port: bound,
    url: `http://127.0.0.1:${bound}`,
    tunnels,
    events,
    kill: () => close(server, sockets),
    stop: async () => {
      tunnels.stop();
      await close(server, sockets);
    },
  };
}

export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

export function close(server: Server, sockets: Set<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

/** What a local program sees of one connection. */
export interface Seen {
  bytes: number;
  sha256: string;
  /** Undefined after an orderly end. */
  error: string | undefined;
}

/** Connects as a local program would; `drive` sends. Resolves when the connection is closed. */
export function program(port: number, drive: (socket: Socket) => void): Promise<Seen> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    const hash = createHash('sha256');
    let bytes = 0;
    let error: string | undefined;
    socket.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      bytes += chunk.length;
    });
    socket.on('error', (cause: NodeJS.ErrnoException) => (error = cause.code ?? cause.message));
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve({ bytes, sha256: hash.digest('hex'), error }));
    socket.on('connect', () => drive(socket));
  });
}

export const sha256 = (...buffers: Buffer[]): string => {
  const hash = createHash('sha256');
  for (const buffer of buffers) hash.update(buffer);
  return hash.digest('hex');
};
