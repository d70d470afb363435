import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Member } from '@vcap/component';

/** Whether the router takes visitors: from when it listens until it begins to drain. */
export class Health {
  up = false;
}

/** Load balancers that ask on the visitors' port call themselves so, with any Host or none. */
export function isHealthCheck(request: IncomingMessage): boolean {
  return request.headers['user-agent']?.startsWith('HTTP-Monitor/') === true;
}

/** 200 `ok` or 503. */
export function answerHealth(health: Health, request: IncomingMessage, response: ServerResponse): void {
  const headers = { 'Content-Type': 'text/plain', 'Cache-Control': 'private, max-age=0', Expires: '0' };
  if (health.up) response.writeHead(200, headers).end('ok\n');
  else response.writeHead(503, { ...headers, 'Retry-After': '5', Connection: 'close' }).end('draining\n');
  request.resume();
}

/** `GET /health` on a port of its own, which answers until the process ends. */
export class HealthServer implements Member {
  readonly name = 'health';
  readonly #port: number;
  readonly #ip: string | undefined;
  readonly #server;

  constructor(health: Health, port: number, ip: string | undefined) {
    this.#port = port;
    this.#ip = ip;
    this.#server = createServer((request, response) => {
      if (request.url === '/health') answerHealth(health, request, response);
      else response.writeHead(404).end();
    });
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#port;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.#ip, resolve);
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}
