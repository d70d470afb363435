import type { Logger } from '@vcap/bus';
import type { Member } from '@vcap/component';
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { healthPages } from './health-page.ts';

/** Whether the router takes visitors: from when it listens until it begins to drain. */
export class Health {
  up = false;
}

/** What the health server needs. */
export interface HealthServerOptions {
  readonly health: Health;
  readonly log: Logger;
  readonly port: number;
  readonly ip: string;
  /** `GET /routes` for those who know them; absent: nobody. */
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
  readonly routes: () => unknown;
}

/** `GET /health` and, with credentials, `GET /routes` on a port of their own, which answers until the process ends. */
export class HealthServer implements Member {
  readonly name = 'health';
  readonly #options: HealthServerOptions;
  readonly #server = createServer((request, response) => this.#answer(request, response));

  constructor(options: HealthServerOptions) {
    this.#options = options;
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#options.port;
  }

  start(): Promise<void> {
    const { port, ip } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, ip, () => {
        this.#options.log.info({ event: 'health-listening', port: this.port });
        resolve();
      });
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { health, routes } = this.#options;
    if (request.url === '/routes') {
      if (this.#allowed(request.headers.authorization)) {
        response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(routes()));
      } else response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="routes"' }).end('Unauthorized\n');
      return;
    }
    if (request.url !== '/health' && request.url !== '/healthz') {
      response.writeHead(404).end();
      return;
    }
    const { status, headers, body } = healthPages[health.up ? 'up' : 'draining'];
    response.writeHead(status, { ...headers, ...(health.up ? {} : { Connection: 'close' }) }).end(body);
  }

  #allowed(header: string | undefined): boolean {
    const { credentials } = this.#options;
    if (credentials === undefined) return false;
    const { user, password } = credentials;
    const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    return timingSafeEqual(digest(header ?? ''), digest(expected));
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
