import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** An application instance of the test's own. */
export interface Backend {
  readonly port: number;
  readonly server: Server;
  readonly requests: IncomingMessage[];
  /** Connections taken so far. */
  readonly connections: Socket[];
  stop(): Promise<void>;
}

/** Starts one on 127.0.0.1; by default it answers its name. */
export async function startBackend(
  handler: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) =>
    void response.end('ok'),
  port = 0,
): Promise<Backend> {
  const requests: IncomingMessage[] = [];
  const connections: Socket[] = [];
  const server = createServer({ maxHeaderSize: 256 * 1024 }, (request, response) => {
    requests.push(request);
    handler(request, response);
  });
  server.maxHeadersCount = 0;
  server.on('connection', (socket) => connections.push(socket));
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    server,
    requests,
    connections,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      }),
  };
}
