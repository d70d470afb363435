import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { startNats, waitFor } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { pino } from 'pino';
import { Bus, deaFindDroplet, deaHeartbeat, healthStart, newTrace, stagingStart } from '../src/index.ts';
import type { Heartbeat, StagingReply } from '../src/index.ts';

const log = pino({ level: 'silent' });
let nats: NatsServer;
let buses: Bus[];
let raw: NatsConnection;

async function bus(name: string, servers = [nats.url]): Promise<Bus> {
  const made = new Bus({ servers, name, log, clock: systemClock, pingIntervalMs: 200 });
  buses.push(made);
  await made.start();
  return made;
}

beforeEach(async () => {
  buses = [];
  nats = await startNats();
  raw = await connect({ servers: nats.url });
});
afterEach(async () => {
  await raw.close();
  for (const each of buses) await each.stop();
  await nats.stop();
});

const beat: Heartbeat = { dea: 'd-1', droplets: [] };

describe('messages', () => {
  test('a message arrives parsed, with its sender’s trace', async () => {
    const [sender, listener] = [await bus('sender'), await bus('listener')];
    const seen: unknown[] = [];
    listener.subscribe(deaHeartbeat, (message, { trace }) => void seen.push([message, trace.traceId]));
    const trace = newTrace();
    await waitFor(() => {
      sender.publish(deaHeartbeat, beat, trace);
      return seen.length > 0;
    });
    expect(seen[0]).toEqual([beat, trace.traceId]);
  });

  test.each(['not JSON', '[]', '{"dea":1}', '\u0000', '{"dea":"x","droplets":[{"index":-1}]}'])(
    'garbage is counted and dropped: %j',
    async (garbage) => {
      const listener = await bus('listener');
      const seen: Heartbeat[] = [];
      listener.subscribe(deaHeartbeat, (message) => void seen.push(message));
      await waitFor(() => {
        raw.publish('dea.heartbeat', garbage);
        raw.publish('dea.heartbeat', JSON.stringify(beat));
        return seen.length > 0;
      });
      expect(listener.counters()['unparsable']).toBeGreaterThan(0);
      expect(new Set(seen.map(({ dea }) => dea))).toEqual(new Set(['d-1']));
    },
  );

  test('a handler that throws or rejects does not stop the next message', async () => {
    const listener = await bus('listener');
    let calls = 0;
    listener.subscribe(deaHeartbeat, async () => {
      calls++;
      throw new Error('boom');
    });
    await waitFor(() => {
      raw.publish('dea.heartbeat', JSON.stringify(beat));
      return calls > 1;
    });
    expect(listener.counters()['handler_errors']).toBeGreaterThan(0);
  });

  test('one subscriber of a queue group gets each message', async () => {
    const [sender, one, two] = [await bus('sender'), await bus('one'), await bus('two')];
    const seen: number[] = [];
    for (const each of [one, two]) {
      each.subscribe(healthStart, ({ last_updated }) => void seen.push(last_updated));
    }
    await waitFor(() => {
      sender.publish(healthStart, { droplet: 'a', last_updated: 0, version: 'v', indices: [0] });
      return seen.length > 0;
    });
    for (let n = 1; n <= 20; n++) {
      sender.publish(healthStart, { droplet: 'a', last_updated: n, version: 'v', indices: [0] });
    }
    await waitFor(() => seen.includes(20));
    expect(seen.filter((n) => n > 0)).toHaveLength(20);
  });
});

describe('requests', () => {
  test('silence is an empty list', async () => {
    const asker = await bus('asker');
    expect(await asker.request(deaFindDroplet, { droplet: 'a' }, { timeoutMs: 50 })).toEqual([]);
  });

  test('replies of several come until there are enough', async () => {
    const asker = await bus('asker');
    const entry = {
      droplet: 'a',
      version: 'v',
      instance: 'i',
      index: 0,
      state: 'RUNNING',
      state_timestamp: 1.5,
    };
    for (const dea of ['d-1', 'd-2', 'd-3']) {
      const answering = await bus(dea);
      answering.subscribe(deaFindDroplet, (_message, { reply }) => reply?.({ dea, ...entry }));
    }
    await raw.flush();
    const replies = await waitFor(async () => {
      const got = await asker.request(deaFindDroplet, { droplet: 'a' }, { timeoutMs: 2000, max: 2 });
      return got.length === 2 && got;
    });
    expect(new Set(replies.map(({ dea }) => dea)).size).toBe(2);
  });

  test('a stream of replies goes on while they come and ends by word of the listener', async () => {
    const asker = await bus('asker');
    const stager = await bus('stager');
    stager.subscribe(stagingStart.for('s-1'), (request, { reply }) => {
      for (const error of [null, 'no such app']) reply?.({ task_id: request.task_id, error });
      reply?.('garbage');
    });
    const seen: StagingReply[] = [];
    const request = {
      app_id: 'a',
      task_id: 't',
      properties: { services: [], environment: [], resources: { memory: 1, disk: 1, fds: 1 }, meta: {} },
      download_uri: 'http://x/',
      upload_uri: 'http://x/',
    };
    // The server may not know of the stager's subscription yet when the first request goes out.
    await waitFor(async () => {
      seen.length = 0;
      const how = await asker.requestStream(stagingStart.for('s-1'), request, {
        timeoutMs: 500,
        onReply: (reply) => (seen.push(reply) === 2 ? 'done' : 'more'),
      });
      return how === 'done';
    });
    expect(seen.map(({ error }) => error)).toEqual([null, 'no such app']);
  });
});

describe('a bus that goes away', () => {
  test('subscriptions are there again when the server is back; what was said meanwhile is counted', async () => {
    const port = nats.port;
    const listener = await bus('listener');
    let reconnects = 0;
    listener.onReconnect(() => reconnects++);
    const seen: Heartbeat[] = [];
    listener.subscribe(deaHeartbeat, (message) => void seen.push(message));
    await nats.stop();
    await waitFor(() => !listener.connected);
    listener.publish(deaHeartbeat, beat);
    expect(listener.counters()['dropped_while_disconnected']).toBe(1);
    nats = await startNats({ port });
    await waitFor(() => reconnects === 1, { timeoutMs: 10_000 });
    await waitFor(() => {
      listener.publish(deaHeartbeat, beat);
      return seen.length > 0;
    });
    expect(listener.connected).toBe(true);
  }, 20_000);

  test('a half-open connection is noticed, and another configured server taken', async () => {
    const other = await startNats();
    const listener = await bus('listener', [nats.url, other.url]);
    const inUse = listener.server === new URL(nats.url).host ? nats : other;
    try {
      inUse.freeze();
      await waitFor(() => listener.connected && listener.server !== new URL(inUse.url).host, {
        timeoutMs: 20_000,
      });
    } finally {
      inUse.thaw();
      await listener.stop();
      await other.stop();
    }
    expect(listener.connected).toBe(false);
  }, 30_000);

  test('a server that was given up and answers late does not end the connection to another one', async () => {
    // Takes connections, says who it is only when told to, and ends who does not log in.
    const waiting: Socket[] = [];
    const late = createServer((socket) => void waiting.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => late.listen(0, '127.0.0.1', resolve));
    const { port } = late.address() as AddressInfo;
    try {
      const servers = [`nats://127.0.0.1:${port}`, nats.url];
      let one = await bus('one', servers);
      // Which one is asked first is left to chance.
      while (waiting.length === 0) one = await bus('one', servers);
      const { server } = one;
      let returns = 0;
      one.onReconnect(() => (returns += 1));
      for (const socket of waiting)
        socket.end(
          'INFO {"server_id":"late","version":"2","proto":1,"headers":true,"max_payload":1048576}\r\n',
        );
      await waitFor(() => waiting.every((socket) => socket.destroyed), { timeoutMs: 10_000 });
      const seen: Heartbeat[] = [];
      one.subscribe(deaHeartbeat, (message) => void seen.push(message));
      await waitFor(() => {
        raw.publish('dea.heartbeat', JSON.stringify(beat));
        return seen.length > 0;
      });
      expect([one.connected, one.server, returns]).toEqual([true, server, 0]);
    } finally {
      for (const socket of waiting) socket.destroy();
      late.close();
    }
  }, 30_000);

  test('without any server, start waits', async () => {
    const port = nats.port;
    await nats.stop();
    const waiting = new Bus({
      servers: [`nats://127.0.0.1:${port}`],
      name: 'early',
      log,
      clock: systemClock,
    });
    buses.push(waiting);
    const started = waiting.start();
    expect(waiting.connected).toBe(false);
    nats = await startNats({ port });
    await started;
    expect(waiting.connected).toBe(true);
  }, 20_000);

  test('without any server, startWithin goes on after its time; subscriptions and listeners wait for the first one', async () => {
    const port = nats.port;
    await nats.stop();
    const early = new Bus({ servers: [`nats://127.0.0.1:${port}`], name: 'early', log, clock: systemClock });
    buses.push(early);
    expect(await early.startWithin(10)).toBe(false);
    const seen: Heartbeat[] = [];
    const unwanted: Heartbeat[] = [];
    early.subscribe(deaHeartbeat, (message) => void seen.push(message));
    early.subscribe(deaHeartbeat, (message) => void unwanted.push(message)).unsubscribe();
    let came = 0;
    early.onReconnect(() => (came += 1));
    early.publish(deaHeartbeat, beat);
    expect(early.counters()['dropped_while_disconnected']).toBe(1);
    nats = await startNats({ port });
    await waitFor(() => came === 1, { timeoutMs: 10_000 });
    expect(early.connected).toBe(true);
    early.publish(deaHeartbeat, beat);
    await waitFor(() => seen.length === 1, { timeoutMs: 10_000 });
    expect(unwanted).toEqual([]);
  }, 30_000);

  test('with a server, startWithin is like start', async () => {
    const one = new Bus({ servers: [nats.url], name: 'one', log, clock: systemClock });
    buses.push(one);
    let came = 0;
    one.onReconnect(() => (came += 1));
    expect(await one.startWithin(20_000)).toBe(true);
    expect([one.connected, came]).toEqual([true, 0]);
  });
});
