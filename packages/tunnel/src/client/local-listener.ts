import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Destination } from '../wire/messages.ts';
import type { CaldecottClient } from './caldecott-client.ts';
import { TunnelError } from './tunnel-error.ts';

export interface ListenerOptions {
  client: CaldecottClient;
  destination: Destination;
  /** A connection could not be opened or did not end well; its program saw a reset. */
  onFailure?: (error: TunnelError) => void;
}

const FIRST_PORT = 10_000;
const PORTS_TRIED = 10;

/** Listens on 127.0.0.1 alone, and carries each connection that comes in through a tunnel of its own. */
export class LocalListener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Connections that are carried now. */
  get connections(): number {
    return this.#running.size;
  }

  /**
   * Takes the given port and no other; without one the first free one from 10000 on, then any (caldecott.md §3.2).
   * Gives back the port. @throws TunnelError when the wanted one is taken
   */
  async start(port?: number): Promise<number> {
    if (port !== undefined) {
      await this.#listen(port).catch((cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'EADDRINUSE' ? 'in use' : `not to be had (${cause.code ?? cause.message})`;
        throw new TunnelError('this machine', `port ${port} on 127.0.0.1 is ${why}`, { cause });
      });
      return this.port;
    }
    for (let tried = 0; tried < PORTS_TRIED; tried += 1) {
      const taken = await this.#listen(FIRST_PORT + tried).then(
        () => false,
        () => true,
      );
      if (!taken) return this.port;
    }
    await this.#listen(0);
    return this.port;
  }

  /** Accepts no more, resets what runs, and resolves when the tunnels are removed. */
  async stop(): Promise<void> {
    this.#stop.abort();
    if (this.#server.listening) {
      await new Promise<void>((resolve) => {
        this.#server.close(() => resolve());
      });
    }
    await Promise.all(this.#running);
    await this.#options.client.settled();
  }

  #listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    const { client, destination, onFailure } = this.#options;
    const run = client
      .carry(socket, destination, this.#stop.signal)
      .catch((error: unknown) => {
        const known = error instanceof TunnelError ? error : new TunnelError('this machine', String(error));
        onFailure?.(known);
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }
}
