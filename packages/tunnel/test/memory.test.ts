import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { waitFor } from '@vcap/testkit';
import { CaldecottClient, LocalListener } from '../src/index.ts';
import type { Transport, TunnelLimits } from '../src/index.ts';
import { Raw } from './support/raw.ts';
import { startCuttingProxy } from './support/cutting-proxy.ts';
import { program, sha256, startCaldecott, startTcp, token } from './support/servers.ts';
import type { RunningCaldecott, Started } from './support/servers.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const MIB = 1024 * 1024;
const PIECE = 64 * 1024;

/** Heap and buffers in bytes, after everything that can go has gone. */
function usedBytes(): number {
  for (let round = 0; round < 3; round += 1) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

interface Place {
  destination: Started;
  caldecott: RunningCaldecott;
  stop(): Promise<void>;
}

async function startPlace(
  onConnection: (socket: Socket) => void,
  limits: Partial<TunnelLimits> = {},
): Promise<Place> {
  const destination = await startTcp(onConnection);
  const caldecott = await startCaldecott({
    allowed: [{ host: '127.0.0.1', port: destination.port }],
    limits,
  });
  const stop = async (): Promise<void> => {
    await caldecott.stop();
    await destination.stop();
  };
  return { destination, caldecott, stop };
}

async function startListener(
  { destination }: Place,
  url: string,
  transport: Transport,
): Promise<{ port: number; stop(): Promise<void> }> {
  const client = new CaldecottClient({ url, token, clock: systemClock, transport });
  const listener = new LocalListener({ client, destination: { host: '127.0.0.1', port: destination.port } });
  const stop = async (): Promise<void> => {
    await listener.stop();
    client.close();
  };
  return { port: await listener.start(0), stop };
}

/** Has a socket in `open` until it is closed. */
function keep(open: Set<Socket>, socket: Socket): void {
  open.add(socket);
  socket.on('close', () => open.delete(socket));
}

describe('1,000 abandoned tunnels', () => {
  test('are swept, their connections closed, and the memory is as before', async () => {
    const open = new Set<Socket>();
    const place = await startPlace(
      (socket) => {
        keep(open, socket);
        socket.on('end', () => socket.end());
        socket.write(Buffer.alloc(20_000));
      },
      { idleMs: 1500, sweepMs: 100, maxTunnels: 2000 },
    );
    const raw = new Raw(place.caldecott);
    const abandon = async (count: number): Promise<void> => {
      const { registry } = place.caldecott.tunnels;
      for (let n = 0; n < count; n += 50) {
        await Promise.all(Array.from({ length: 50 }, () => raw.open(place.destination.port)));
      }
      await waitFor(() => registry.size === 0 && open.size === 0, { timeoutMs: 25_000 });
      expect(registry.buffered).toBe(0);
      const { events } = place.caldecott;
      expect(events.filter(({ event }) => event === 'tunnel-opened')).toHaveLength(count);
      expect(events.filter(({ reason }) => reason === 'nobody asked for it')).toHaveLength(count);
      events.length = 0;
    };
    await abandon(100); // what is made once is no leak
    const before = usedBytes();
    await abandon(1000);
    expect(usedBytes() - before).toBeLessThan(4 * MIB);
    await place.stop();
  }, 90_000);

  const silence: [name: string, transport: Transport, limits: Partial<TunnelLimits>][] = [
    ['WebSockets too, when their clients fell silent', 'websocket', { idleMs: 4000, pingMs: 500 }],
    ['HTTP, when half-open connections are all that is left', 'http', { idleMs: 6000, pollMs: 1000 }],
  ];
  test.each(silence)(
    'are swept over %s',
    async (_name, transport, limits) => {
      const open = new Set<Socket>();
      // It does not end when the other side does.
      const place = await startPlace((socket) => keep(open, socket), { ...limits, sweepMs: 100 });
      const proxy = await startCuttingProxy(place.caldecott.port, () => Infinity);
      const listener = await startListener(place, `http://127.0.0.1:${proxy.port}`, transport);
      const sockets = Array.from({ length: 20 }, () => connect({ host: '127.0.0.1', port: listener.port }));
      for (const socket of sockets) socket.on('error', () => undefined);
      const { registry } = place.caldecott.tunnels;
      await waitFor(() => registry.size === 20, { timeoutMs: 20_000 });
      proxy.freeze();
      await waitFor(() => registry.size === 0 && open.size === 0, { timeoutMs: 25_000 });
      await proxy.stop();
      for (const socket of sockets) socket.destroy();
      await listener.stop();
      await place.stop();
      const abandoned = place.caldecott.events.filter(({ reason }) => reason === 'nobody asked for it');
      expect(abandoned).toHaveLength(20);
    },
    60_000,
  );
});

/** Sends `data` in pieces; what was sent counts only what the system took. */
function send(socket: Socket, data: Buffer): () => number {
  const pieces = Array.from({ length: Math.ceil(data.length / PIECE) }, (_, n) =>
    data.subarray(n * PIECE, (n + 1) * PIECE),
  );
  Readable.from(pieces, { objectMode: false, highWaterMark: PIECE }).pipe(socket);
  return () => socket.bytesWritten - socket.writableLength;
}

/** What `measure` gives once it has stood still for half a second. */
async function settled(measure: () => number): Promise<number> {
  let last = 0;
  let since = performance.now();
  return waitFor(
    () => {
      const now = measure();
      if (now !== last) since = performance.now();
      last = now;
      return performance.now() - since > 500 && last;
    },
    { timeoutMs: 20_000 },
  );
}

describe.each(['http', 'websocket'] as const)('back-pressure over %s', (transport) => {
  test('a program that does not read stops the destination, and gets all when it does', async () => {
    const data = Buffer.alloc(40 * MIB, 'some text that is long');
    let sent = (): number => 0;
    const place = await startPlace((socket) => (sent = send(socket, data)));
    const listener = await startListener(place, place.caldecott.url, transport);
    try {
      const socket = connect({ host: '127.0.0.1', port: listener.port });
      socket.pause();
      // What the system's socket buffers hold comes on top of ours.
      expect(await settled(() => sent())).toBeLessThan(30 * MIB);
      expect(place.caldecott.tunnels.registry.buffered).toBeLessThan(4 * MIB);
      const pieces: Buffer[] = [];
      socket.on('data', (piece) => pieces.push(piece));
      socket.resume();
      await once(socket, 'close');
      expect(sha256(...pieces)).toBe(sha256(data));
    } finally {
      await listener.stop();
      await place.stop();
    }
  });

  test('a destination that does not read stops the program, and gets all when it does', async () => {
    const data = Buffer.alloc(40 * MIB, 'a dump that is loaded');
    const pieces: Buffer[] = [];
    let slow: Socket | undefined;
    const place = await startPlace(
      (socket) => {
        slow = socket;
        socket.on('data', (piece) => pieces.push(piece));
        socket.on('end', () => socket.end());
        socket.pause();
      },
      { pollMs: 300 },
    );
    const listener = await startListener(place, place.caldecott.url, transport);
    try {
      let sent = (): number => 0;
      const seen = program(listener.port, (socket) => (sent = send(socket, data)));
      expect(await settled(() => sent())).toBeLessThan(30 * MIB);
      expect(place.caldecott.tunnels.registry.buffered).toBeLessThan(4 * MIB);
      slow?.resume();
      expect((await seen).error).toBeUndefined();
      expect(sha256(...pieces)).toBe(sha256(data));
    } finally {
      await listener.stop();
      await place.stop();
    }
  });
});
