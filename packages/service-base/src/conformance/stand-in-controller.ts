import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { handleSchema, offeringSchema, serviceTokenHeader } from '@vcap/service-api';
import type { Handle, Offering } from '@vcap/service-api';

/** The cloud controller's half of services.md §2.1, in memory, for tests of gateways. */
export class StandInController {
  readonly token: string;
  readonly offerings = new Map<string, Offering>();
  /** What gateways are given; put handles here as the cloud controller saves them. */
  readonly handles = new Map<string, Handle>();
  /** Requests are refused while it is false. */
  up = true;
  readonly #server = createServer((request, response) => {
    this.#answer(request).then(
      ({ status, body }) => {
        response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
      },
      () => response.writeHead(500).end(),
    );
  });

  constructor(token: string) {
    this.token = token;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    if (!this.up) return { status: 503, body: { code: 1, description: 'down' } };
    if (request.headers[serviceTokenHeader.toLowerCase()] !== this.token) {
      return { status: 403, body: { code: 200, description: 'wrong token' } };
    }
    if (request.headers['content-type'] !== 'application/json') {
      return { status: 400, body: { code: 100, description: 'wrong content type' } };
    }
    const [label, kind, id] = (request.url ?? '').split('/').slice(4).map(decodeURIComponent);
    if (request.method === 'POST' && label === undefined) {
      const offering = offeringSchema.parse(await json(request));
      this.offerings.set(offering.label, offering);
      return { status: 200, body: {} };
    }
    if (request.method === 'DELETE' && label !== undefined) {
      this.offerings.delete(label);
      return { status: 200, body: {} };
    }
    if (request.method === 'GET' && kind === 'handles') {
      return { status: 200, body: { handles: [...this.handles.values()] } };
    }
    if (request.method === 'POST' && kind === 'handles' && id !== undefined) {
      const handle = handleSchema.parse(await json(request));
      if (!this.handles.has(handle.service_id))
        return { status: 404, body: { code: 501, description: 'unknown' } };
      this.handles.set(handle.service_id, handle);
      return { status: 200, body: {} };
    }
    return { status: 404, body: { code: 10000, description: 'no such route' } };
  }
}
