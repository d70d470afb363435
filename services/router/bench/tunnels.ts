import { systemClock as clock } from '@vcap/clock';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { cpuMicros, tree } from './tools.ts';

/** An application that switches protocols and gives back what it gets. */
export async function startEcho(): Promise<{ port: number; stop: () => void }> {
  const server = createServer((_request, response) => void response.end());
  const sockets = new Set<Socket>();
  server.on('upgrade', (_request, socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Microseconds of CPU for each message of 100 bytes that goes through and comes back, over 64 tunnels. */
export async function tunnelMicros(peer: { pid: number; port: number }, seconds: number): Promise<number> {
  const message = Buffer.alloc(100, 'm');
  let messages = 0;
  const state = { over: false };
  const sockets = await Promise.all(
    Array.from(
      { length: 64 },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect(peer.port, '127.0.0.1', () =>
            socket.write(
              'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
            ),
          );
          socket.setNoDelay(true);
          socket.once('error', reject);
          socket.once('data', () => resolve(socket));
        }),
    ),
  );
  const pids = tree(peer.pid);
  const before = cpuMicros(pids);
  for (const socket of sockets) {
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      while (bytes >= message.length) {
        bytes -= message.length;
        messages += 1;
        if (!state.over) socket.write(message);
      }
    });
    socket.write(message);
  }
  await clock.sleep(seconds * 1000);
  state.over = true;
  const used = cpuMicros(pids) - before;
  for (const socket of sockets) socket.destroy();
  return used / Math.max(1, messages);
}
