import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { systemClock as clock } from '@vcap/clock';

/** One instance: it answers its application's name and its own id, a little late or at once. */
export interface Instance {
  readonly app: string;
  readonly id: string;
  readonly port: number;
  /** Monotonic ms since when it has been announced; undefined: nobody knows it. */
  knownSince: number | undefined;
  /** Lets what runs end, then closes. */
  finish(): Promise<void>;
  /** Resets everything. */
  crash(): void;
}

/** Starts one; undefined when the port is taken. */
export function startInstance(app: string, id: string, port: number): Promise<Instance | undefined> {
  const sockets = new Set<Socket>();
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const answer = (): void => void response.end(`${app} ${id}\n`);
    request.on('error', () => undefined);
    request.on('end', () => {
      if (request.url === '/late') clock.setTimeout(answer, 5 + Math.random() * 30);
      else answer();
    });
    request.resume();
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () =>
      resolve({
        app,
        id,
        port,
        knownSince: undefined,
        finish: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeIdleConnections();
            clock.setTimeout(() => server.closeAllConnections(), 5000);
          }),
        crash() {
          server.close();
          for (const socket of sockets) socket.resetAndDestroy();
        },
      }),
    );
  });
}
