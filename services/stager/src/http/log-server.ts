import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';

/** The HTTP server of the task logs; `port` is known once it started. */
export class LogServer {
  readonly name = 'log-server';
  readonly #server: Server;
  readonly #wantedPort: number;
  readonly #ip: string;

  constructor(handler: RequestListener, o: { ip: string; port: number }) {
    this.#server = createServer(handler);
    this.#wantedPort = o.port;
    this.#ip = o.ip;
  }

  /** Listens on all addresses: the advertised one may be outside of this host's own. */
  async start(): Promise<void> {
    this.#server.listen(this.#wantedPort);
    await once(this.#server, 'listening');
  }

  /** Closes at once, also for readers that wait. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Where a task's log is read; holds the token, so it goes on the bus and never into a log. */
  urlOf(taskId: string, token: string): string {
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : this.#wantedPort;
    const host = this.#ip.includes(':') ? `[${this.#ip}]` : this.#ip;
    return `http://${host}:${port}/staging_tasks/${taskId}/log?token=${token}`;
  }
}
