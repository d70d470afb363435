import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { waitFor } from '@vcap/testkit';
import { CaldecottClient, LocalListener } from '../src/index.ts';
import type { Transport, TunnelError } from '../src/index.ts';
import { random, startCuttingProxy } from './support/cutting-proxy.ts';
import { program, sha256, startCaldecott, startTcp, token } from './support/servers.ts';
import type { RunningCaldecott, Started } from './support/servers.ts';

/** `TUNNEL_CUTS_MB=50 TUNNEL_CUTS_RUNS=20` for the full size; the seed of a failing run is in its name. */
const megabytes = Number(process.env['TUNNEL_CUTS_MB'] ?? 3);
const runs = Number(process.env['TUNNEL_CUTS_RUNS'] ?? 8);
const size = megabytes * 1_000_000;
const seeds = Array.from({ length: runs }, (_, at) => at + 1);
const transports: Transport[] = ['http', 'websocket'];

describe.each(transports)('%s under random cuts, both directions at once', (transport) => {
  const down = randomBytes(size);
  const up = randomBytes(size);
  const received: { chunks: Buffer[]; ended: boolean }[] = [];
  let destination: Started;
  let caldecott: RunningCaldecott;

  beforeAll(async () => {
    destination = await startTcp((socket: Socket) => {
      const one = { chunks: [] as Buffer[], ended: false };
      received.push(one);
      socket.on('data', (chunk) => one.chunks.push(chunk));
      socket.on('end', () => (one.ended = true));
      socket.end(down);
    });
    caldecott = await startCaldecott({ allowed: [{ host: '127.0.0.1', port: destination.port }] });
  });
  afterAll(async () => {
    await caldecott.stop();
    await destination.stop();
  });

  test.each(seeds)(
    'seed %i',
    async (seed) => {
      const next = random(seed);
      // Sometimes within the head of a request, sometimes after a few answers.
      const proxy = await startCuttingProxy(caldecott.port, () => Math.floor(next() ** 2 * 5_000_000));
      const failures: TunnelError[] = [];
      const client = new CaldecottClient({
        url: `http://127.0.0.1:${proxy.port}`,
        token,
        clock: systemClock,
        transport,
      });
      const listener = new LocalListener({
        client,
        destination: { host: '127.0.0.1', port: destination.port },
        onFailure: (error) => failures.push(error),
      });
      try {
        await listener.start(0);
        received.length = 0;
        const seen = await program(listener.port, (socket) => socket.end(up));
        expect(failures).toEqual([]);
        expect(seen).toEqual({ bytes: size, sha256: sha256(down), error: undefined });
        // A lost answer to POST /tunnels leaves a connection that nothing was ever sent through.
        const arrived = (): typeof received =>
          received.filter(({ chunks, ended }) => ended && chunks.length > 0);
        await waitFor(() => arrived().length > 0, { timeoutMs: 30_000 });
        expect(arrived().map(({ chunks }) => sha256(...chunks))).toEqual([sha256(up)]);
        expect(proxy.cuts).toBeGreaterThan(0);
      } finally {
        await listener.stop();
        client.close();
        await proxy.stop();
      }
      for (const { id } of caldecott.tunnels.registry.ofOwner({ owner: 'test', allows: () => true }))
        caldecott.tunnels.registry.remove(id, 'end of test');
      await waitFor(() => caldecott.tunnels.registry.size === 0);
    },
    60_000 + megabytes * 4000,
  );
});
