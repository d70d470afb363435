import { Agent } from 'node:http';
import type { Endpoint } from '../registry/endpoint.ts';

type NameOptions = NonNullable<Parameters<Agent['getName']>[0]> & { readonly endpoint?: Endpoint };

/** Keeps connections by endpoint, not by address: a new owner of an address gets none of its predecessor's. */
class BackendAgent extends Agent {
  readonly #keys = new WeakMap<Endpoint, number>();
  #nextKey = 0;

  override getName(options: NameOptions = {}): string {
    const { endpoint } = options;
    if (endpoint === undefined) return super.getName(options);
    let key = this.#keys.get(endpoint);
    if (key === undefined) this.#keys.set(endpoint, (key = this.#nextKey++));
    return `${key}:${super.getName(options)}`;
  }
}

/**
 * The connections to backends. Only a request that may be repeated takes a kept-alive connection: a backend may close
 * it just as the request goes out, and then nobody knows whether the request was heard.
 */
export class Upstream {
  readonly pooled: BackendAgent;
  /** Asks for keep-alive but keeps nothing: a backend told to close resets uploads that it answers early. */
  readonly fresh = new Agent({ keepAlive: true });

  /** `keepAliveMs`: how long an idle connection is kept; a backend's own shorter hint is obeyed. */
  constructor(keepAliveMs: number) {
    this.fresh.maxFreeSockets = 0;
    this.pooled = new BackendAgent({
      keepAlive: true,
      maxFreeSockets: 100,
      timeout: keepAliveMs,
      scheduling: 'lifo',
    });
  }

  /** Closes the idle connections to a backend: the next owner of its address must not get them. */
  forget(endpoint: Endpoint): void {
    const name = this.pooled.getName({ host: endpoint.host, port: endpoint.port, endpoint });
    for (const socket of this.pooled.freeSockets[name] ?? []) socket.destroy();
  }

  /** Connections in use and idle, for /varz. */
  get connections(): number {
    let count = 0;
    for (const agent of [this.pooled, this.fresh]) {
      for (const map of [agent.sockets, agent.freeSockets]) {
        for (const list of Object.values(map)) count += list?.length ?? 0;
      }
    }
    return count;
  }

  /** Closes everything. */
  close(): void {
    this.pooled.destroy();
    this.fresh.destroy();
  }
}
