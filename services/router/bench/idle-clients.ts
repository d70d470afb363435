import { systemClock as clock } from '@vcap/clock';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { residentKb, tree } from './tools.ts';

/** KB of the router's memory for each of so many clients that were served once and say nothing more. */
export async function idleClientKb(router: { pid: number; port: number }, clients: number): Promise<number> {
  const open = (count: number): Promise<Socket[]> =>
    Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise<Socket>((resolve, reject) => {
            const socket = connect(router.port, '127.0.0.1', () =>
              socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'),
            );
            socket.once('data', () => {
              socket.pause();
              resolve(socket);
            });
            socket.once('error', reject);
          }),
      ),
    );
  const settle = (): Promise<unknown> => clock.sleep(3000);
  const sockets: Socket[] = await open(500);
  await settle();
  const before = residentKb(tree(router.pid));
  while (sockets.length < clients + 500) sockets.push(...(await open(500)));
  await settle();
  const after = residentKb(tree(router.pid));
  for (const socket of sockets) socket.destroy();
  return (after - before) / clients;
}
