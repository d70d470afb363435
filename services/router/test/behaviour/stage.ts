import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Seen } from './case.ts';
import { replies } from './cases/replies.ts';

/** The applications behind the router: `echo.test` tells what it saw, `raw.test` answers with chosen bytes. */
export interface Stage {
  readonly echoPort: number;
  readonly rawPort: number;
  readonly seen: Seen[];
  stop(): Promise<void>;
}

const listen = (server: Server, port: number): Promise<number> =>
  new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

/** Starts both, on chosen ports if a router is configured for them already. */
export async function startStage(echoAt = 0, rawAt = 0): Promise<Stage> {
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  const echo = createHttpServer(
    { maxHeaderSize: 1024 * 1024, keepAliveTimeout: 60_000, requireHostHeader: false },
    (request, response) => {
      const chunks: Buffer[] = [];
      const note = (complete: boolean): void => void seen.push(seenOf(request, chunks, complete));
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('close', () => {
        if (!request.complete) note(false);
      });
      request.on('end', () => {
        note(true);
        response.setHeader('X-Backend', 'echo');
        response.end(`echo ${request.url}`);
      });
    },
  );
  echo.maxHeadersCount = 0;
  const raw = createServer((socket) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      text += String(chunk);
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const name = /^\S+ \/([\w-]+)/.exec(text)?.[1] ?? '';
      text = text.slice(end + 4);
      void reply(socket, name);
    });
  });
  for (const server of [echo, raw]) {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
  }
  return {
    echoPort: await listen(echo, echoAt),
    rawPort: await listen(raw, rawAt),
    seen,
    async stop() {
      for (const server of [echo, raw]) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function reply(socket: Socket, name: string): Promise<void> {
  const found = replies.find((each) => each.path === name);
  for (const piece of found?.pieces ?? []) {
    await new Promise((resolve) => {
      socket.write(Buffer.from(piece, 'latin1'), resolve);
    });
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  if (found === undefined || found.after === 'close') socket.end();
  if (found?.after === 'reset') socket.resetAndDestroy();
}

function seenOf(request: IncomingMessage, chunks: Buffer[], complete: boolean): Seen {
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    body: Buffer.concat(chunks).toString('latin1'),
    trailers: request.trailers,
    complete,
  };
}
