import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Member } from '@vcap/component';

/** Listens for a request handler; `address` is known once it started. */
export class HttpServer implements Member {
  readonly name = 'http';
  readonly #server: Server;
  readonly #port: number;
  readonly #host: string;

  /** `host` is what others reach this process at; it listens on all addresses. */
  constructor(handler: RequestListener, options: { host: string; port: number }) {
    this.#server = createServer(handler);
    this.#port = options.port;
    this.#host = options.host;
  }

  async start(): Promise<void> {
    this.#server.listen(this.#port);
    await once(this.#server, 'listening');
  }

  /** Takes no more connections; what is being answered is answered. */
  async drain(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#port;
  }

  get url(): string {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host;
    return `http://${host}:${this.port}`;
  }
}
