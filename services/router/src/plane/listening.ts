import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { loadBindings } from './wire/bindings.ts';

/** Where to listen: an address, or a socket that is bound already. */
export type ListenTarget =
  | { readonly ip: string; readonly port: number; readonly reusePort?: boolean | undefined }
  | { readonly fd: number };

const backlog = 4096;

/** A server for visitors, listening; half-closed connections stay open. */
export function listen(target: ListenTarget): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const where =
    'fd' in target
      ? { fd: target.fd, backlog }
      : { host: target.ip, port: target.port, reusePort: target.reusePort ?? false, backlog };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

/** The port a server listens on. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo | null)?.port ?? 0;
}

/** A bound socket that this process keeps open without taking a connection, for workers to listen on. */
export interface SharedSocket {
  readonly fd: number;
  /** The port it is bound to; undefined where a supervisor chose. */
  readonly port?: number | undefined;
  close(): void;
}

/**
 * The socket a supervisor handed over (`LISTEN_FDS`, as systemd does): it outlives this process, so that a new one
 * takes over without refusing a connection. Undefined when there is none.
 */
export function inheritedSocket(env: NodeJS.ProcessEnv, pid: number): SharedSocket | undefined {
  const meant = env['LISTEN_PID'] === undefined || env['LISTEN_PID'] === String(pid);
  if (!meant || !(Number(env['LISTEN_FDS']) >= 1)) return undefined;
  return { fd: 3, close: () => undefined };
}

/** Binds a socket for workers; undefined where Node's handles are not known: each worker then binds its own. */
export function sharedSocket(ip: string, port: number): SharedSocket | undefined {
  const bindings = loadBindings();
  if (bindings === undefined) return undefined;
  const handle = bindings.bind(ip, port);
  if (handle === undefined || handle.fd < 0) return undefined;
  return { fd: handle.fd, port: handle.port, close: () => handle.close() };
}
