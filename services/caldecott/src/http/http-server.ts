import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import type { TunnelServer } from '@vcap/tunnel';

/** Longer than routers keep an idle connection, so that it is never we who close under their feet. */
const KEEP_ALIVE_MS = 100_000;
const HEAD_MS = 30_000;
/** Longer than any wait in the protocol: a connection silent for this long is dead. */
const SILENCE_MS = 120_000;

/** Listens for requests and upgrades. Ends all tunnels when it stops. */
export class HttpServer {
  readonly name = 'http-server';
  readonly #server: Server;
  readonly #tunnels: TunnelServer;
  readonly #where: { port: number; host: string };

  constructor(app: Express, tunnels: TunnelServer, where: { port: number; host: string }) {
    this.#tunnels = tunnels;
    this.#where = where;
    this.#server = createServer(
      {
        // A PUT goes on as long as its destination reads; pauses in it are limited by the tunnel.
        requestTimeout: 0,
        headersTimeout: HEAD_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: 16_384,
      },
      app,
    );
    this.#server.setTimeout(SILENCE_MS);
    this.#server.on('upgrade', (request, socket, head) => tunnels.upgrade(request, socket, head));
  }

  /** The port it listens on; 0 before start. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  start(): Promise<void> {
    this.#tunnels.start();
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#where.port, this.#where.host, () => resolve());
    });
  }

  stop(): Promise<void> {
    this.#tunnels.stop();
    if (!this.#server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
