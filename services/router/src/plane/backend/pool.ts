import type { Endpoint } from '../table/endpoint.ts';
import type { PlaneContext } from '../context.ts';
import { BackendConnection } from './backend-connection.ts';

const mostIdlePerEndpoint = 256;

/** A connection that was idle for less is hardly being closed: a request that must not be repeated may take it. */
const freshMs = 500;

/** Connections to backends, kept by endpoint and not by address: an heir of an address gets none of its predecessor's. */
export class BackendPool {
  /** Open connections, idle ones included. */
  connections = 0;
  readonly #all = new Set<BackendConnection>();

  /** The idle connection that was used last, if there is one the request may take. */
  take(endpoint: Endpoint, repeatable: boolean, now: number): BackendConnection | undefined {
    const { idle } = endpoint;
    if (idle === undefined) return undefined;
    const connection = idle.at(-1);
    if (connection === undefined) return undefined;
    if (!repeatable && now - connection.idleSince > freshMs) return undefined;
    idle.pop();
    return connection;
  }

  /** A new one, not connected yet. */
  open(context: PlaneContext, endpoint: Endpoint): BackendConnection {
    const connection = new BackendConnection(context, endpoint);
    this.#all.add(connection);
    this.connections += 1;
    return connection;
  }

  /** Keeps a connection for the next request; false: it is not wanted. */
  keep(connection: BackendConnection): boolean {
    const { endpoint } = connection;
    if (endpoint.routes === 0) return false;
    const idle = (endpoint.idle ??= []);
    if (idle.length >= mostIdlePerEndpoint) return false;
    idle.push(connection);
    return true;
  }

  /** Called by a connection that closed. */
  gone(connection: BackendConnection): void {
    this.connections -= 1;
    this.#all.delete(connection);
    const { idle } = connection.endpoint;
    if (idle === undefined) return;
    const at = idle.lastIndexOf(connection);
    if (at >= 0) idle.splice(at, 1);
  }

  /** Closes the idle connections to a backend that left. */
  forget(endpoint: Endpoint): void {
    for (const connection of Array.from(endpoint.idle ?? [])) connection.close();
  }

  /** Closes everything. */
  close(): void {
    for (const connection of Array.from(this.#all)) connection.close();
  }
}
