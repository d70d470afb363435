import { randomBytes, timingSafeEqual, createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import type { Clock } from '@vcap/clock';
import type { Registry } from 'prom-client';
import type { Member } from './group.ts';
import { timeText, uptimeText } from './texts.ts';

export interface StatusOptions {
  type: string;
  index: number;
  uuid: string;
  ip: string;
  port: number;
  user?: string | undefined;
  password?: string | undefined;
  fields: Map<string, () => unknown>;
  metrics: Registry;
  clock: Clock;
  /** Milliseconds since the epoch. */
  started: number;
}

/** `/healthz`, `/varz` and `/metrics` behind basic auth, on the component's own port. */
export class StatusServer implements Member {
  readonly name = 'status';
  readonly credentials: [string, string];
  readonly #options: StatusOptions;
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  constructor(options: StatusOptions) {
    this.#options = options;
    this.credentials = [
      options.user ?? randomBytes(16).toString('hex'),
      options.password ?? randomBytes(16).toString('hex'),
    ];
  }

  get address(): string {
    const bound = this.#server.address() as AddressInfo | null;
    return `${this.#options.ip}:${bound?.port ?? this.#options.port}`;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, resolve);
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#allowed(request.headers.authorization)) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="status"' }).end('Unauthorized\n');
    } else if (request.url === '/healthz') {
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end('ok\n');
    } else if (request.url === '/varz') {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(this.#varz()));
    } else if (request.url === '/metrics') {
      const text = await this.#options.metrics.metrics().catch(() => undefined);
      response
        .writeHead(text === undefined ? 500 : 200, { 'Content-Type': this.#options.metrics.contentType })
        .end(text);
    } else {
      response.writeHead(404).end('Not found\n');
    }
  }

  #varz(): Record<string, unknown> {
    const { type, index, uuid, started, clock, fields } = this.#options;
    const varz: Record<string, unknown> = {
      type,
      index,
      uuid,
      host: this.address,
      start: timeText(started),
      uptime: uptimeText(clock.now() - started),
      num_cores: cpus().length,
      mem: Math.round(process.memoryUsage.rss() / 1024),
    };
    for (const [name, value] of fields) varz[name] = value();
    return varz;
  }

  #allowed(header: string | undefined): boolean {
    const expected = `Basic ${Buffer.from(this.credentials.join(':')).toString('base64')}`;
    return timingSafeEqual(digest(header ?? ''), digest(expected));
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
