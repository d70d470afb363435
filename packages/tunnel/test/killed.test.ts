import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { waitFor } from '@vcap/testkit';
import { CaldecottClient, LocalListener } from '../src/index.ts';
import type { Transport, TunnelError } from '../src/index.ts';
import { random } from './support/cutting-proxy.ts';
import { program, sha256, startCaldecott, startTcp, token } from './support/servers.ts';
import type { RunningCaldecott, Seen, Started } from './support/servers.ts';

const size = 4_000_000;
const slow = { timeoutMs: 20_000 };
const transports: Transport[] = ['http', 'websocket'];
/** A failing one can be repeated. */
const seeds = [1, 2, 3];

describe.each(transports)('killed in the middle of a dump over %s', (transport) => {
  const dump = randomBytes(size);
  let destination: Started;
  let caldecott: RunningCaldecott;
  let client: CaldecottClient;
  let listener: LocalListener;
  let failures: TunnelError[];
  let served: Socket[];
  /** What the service took. */
  let taken: Buffer[];

  beforeEach(async () => {
    failures = [];
    served = [];
    taken = [];
    destination = await startTcp((socket) => {
      served.push(socket);
      socket.on('data', (piece) => taken.push(piece)).on('end', () => socket.end());
      socket.write(dump);
    });
    const target = { host: '127.0.0.1', port: destination.port };
    caldecott = await startCaldecott({ allowed: [target] });
    const { url } = caldecott;
    client = new CaldecottClient({ url, token, clock: systemClock, transport, resumeMs: 300 });
    listener = new LocalListener({
      client,
      destination: target,
      onFailure: (error) => failures.push(error),
    });
    await listener.start(0);
  });
  afterEach(async () => {
    await listener.stop();
    client.close();
    await caldecott.stop();
    await destination.stop();
  });

  /** A program that reads a dump and does `act` once, after so many bytes. */
  const dumpUntil = (bytes: number, act: (socket: Socket) => unknown): Promise<Seen> =>
    program(listener.port, (socket) => {
      let got = 0;
      socket.on('data', (piece) => {
        const before = got;
        got += piece.length;
        if (before < bytes && got >= bytes) act(socket);
      });
    });
  const after = (seed: number): number => 1 + Math.floor(random(seed)() * (size / 2));

  /** All that came is right, and it is not taken for the whole. */
  function expectNoGap(seen: Seen): void {
    expect(seen.sha256).toBe(sha256(dump.subarray(0, seen.bytes)));
    expect(seen.error).toBe('ECONNRESET');
  }

  test.each(seeds)('the program: nothing is left of its connection (seed %i)', async (seed) => {
    await dumpUntil(after(seed), (socket) => socket.resetAndDestroy());
    await waitFor(
      () => caldecott.tunnels.registry.size === 0 && served.every((each) => each.destroyed),
      slow,
    );
    expect(failures).toEqual([]);
  });

  test.each(seeds)(
    'the program that loads one: the service has no byte out of place (seed %i)',
    async (seed) => {
      const load = randomBytes(after(seed));
      await program(listener.port, (socket) => {
        socket.pause().write(load);
        void waitFor(() => taken.length > 0, slow).then(() => socket.resetAndDestroy());
      });
      await waitFor(
        () => caldecott.tunnels.registry.size === 0 && served.every((each) => each.destroyed),
        slow,
      );
      const got = Buffer.concat(taken);
      expect(sha256(got)).toBe(sha256(load.subarray(0, got.length)));
    },
  );

  test.each(seeds)('caldecott: the program sees an error that names it (seed %i)', async (seed) => {
    const seen = await dumpUntil(after(seed), () => void caldecott.kill());
    expectNoGap(seen);
    await waitFor(() => failures.length === 1, slow);
    expect(failures[0]).toMatchObject({ hop: 'network' });
  });

  test.each(seeds)('the service: the program sees an error that names it (seed %i)', async (seed) => {
    const seen = await dumpUntil(after(seed), () => served[0]?.resetAndDestroy());
    expectNoGap(seen);
    await waitFor(() => failures.length === 1, slow);
    expect(failures[0]).toMatchObject({ hop: 'service' });
  });
});
