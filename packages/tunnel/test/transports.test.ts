import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { waitFor } from '@vcap/testkit';
import { CaldecottClient, LocalListener } from '../src/index.ts';
import type { Transport, TunnelError } from '../src/index.ts';
import { program, sha256, startCaldecott, startEcho, startTcp, token } from './support/servers.ts';
import type { RunningCaldecott, Started } from './support/servers.ts';

const transports: Transport[] = ['http', 'websocket'];

describe.each(transports)('over %s', (transport) => {
  let destination: Started;
  let caldecott: RunningCaldecott;
  let client: CaldecottClient;
  let listener: LocalListener;
  let failures: TunnelError[];

  const begin = async (server: Promise<Started>): Promise<void> => {
    destination = await server;
    const target = { host: '127.0.0.1', port: destination.port };
    caldecott = await startCaldecott({ allowed: [target] });
    client = new CaldecottClient({ url: caldecott.url, token, clock: systemClock, transport });
    listener = new LocalListener({
      client,
      destination: target,
      onFailure: (error) => failures.push(error),
    });
    await listener.start(0);
  };
  beforeEach(() => void (failures = []));
  afterEach(async () => {
    await listener.stop();
    client.close();
    await caldecott.stop();
    await destination.stop();
  });

  test('what is sent comes back, and the end after it', async () => {
    await begin(startEcho());
    const data = randomBytes(5_000_000);
    const seen = await program(listener.port, (socket) => socket.end(data));
    expect(seen).toEqual({ bytes: data.length, sha256: sha256(data), error: undefined });
    expect(failures).toEqual([]);
    await waitFor(() => caldecott.tunnels.registry.size === 0);
    expect(caldecott.events.at(-1)).toMatchObject({ event: 'tunnel-closed', bytesIn: data.length });
  });

  test('a destination that speaks and closes is heard to its last byte', async () => {
    const data = randomBytes(3_000_000);
    await begin(startTcp((socket) => socket.end(data)));
    const seen = await program(listener.port, () => undefined);
    expect(seen).toEqual({ bytes: data.length, sha256: sha256(data), error: undefined });
    await waitFor(() => caldecott.tunnels.registry.size === 0);
  });

  test('a destination that resets makes the program see an error', async () => {
    await begin(
      startTcp((socket) =>
        socket.write('half an ans', () => socket.once('data', () => socket.resetAndDestroy())),
      ),
    );
    const seen = await program(listener.port, (socket) => socket.once('data', () => socket.write('more')));
    expect(seen.error).toBe('ECONNRESET');
    await waitFor(() => failures.length > 0);
    expect(failures[0]).toMatchObject({ hop: 'service' });
  });

  test('a program that is killed ends the connection to the destination', async () => {
    let closed = false;
    await begin(
      startTcp((socket) =>
        socket
          .on('data', () => undefined)
          .on('close', () => (closed = true))
          .on('end', () => socket.end()),
      ),
    );
    await program(listener.port, (socket) =>
      socket.write('x', () => setTimeout(() => socket.resetAndDestroy(), 50)),
    );
    await waitFor(() => closed && caldecott.tunnels.registry.size === 0);
    expect(failures).toEqual([]);
  });
});
