import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '@vcap/clock';
import type { Member } from '@vcap/component';

/** Large uploads over slow lines may take this long. */
const REQUEST_TIMEOUT_MS = 30 * 60_000;
/** Longer than the router keeps an idle connection, so that it is never we who close under its feet. */
const KEEP_ALIVE_MS = 100_000;

/** Calls under way at stop get this long; a start that waits for staging would hold everything up for longer. */
const DRAIN_MS = 10_000;

/** Listens for the API. Stops when the calls under way have been answered, or cuts them. */
export class ApiServer implements Member {
  readonly name = 'api-server';
  readonly #server: Server;
  readonly #where: { port: number; host: string };
  readonly #clock: Clock;

  constructor(listener: RequestListener, where: { port: number; host: string }, clock: Clock) {
    this.#clock = clock;
    this.#server = createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: 32_768 },
      listener,
    );
    this.#where = where;
  }

  /** The port it listens on; only after start. */
  get port(): number {
    const address = this.#server.address() as AddressInfo | null;
    if (!address) throw new Error('the API server does not listen yet');
    return address.port;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#where.port, this.#where.host, () => resolve());
    });
  }

  stop(): Promise<void> {
    if (!this.#server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      const deadline = this.#clock.setTimeout(() => this.#server.closeAllConnections(), DRAIN_MS);
      this.#server.close(() => {
        deadline.cancel();
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }
}
