import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Bus, routerGreet, routerStart } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { startNats, waitFor } from '@vcap/testkit';
import { request } from 'node:http';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { ask } from '../support/client.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { RouterUnderTest } from '../support/router-under-test.ts';

let router: RouterUnderTest;
let backend: Backend;
const host = 'shop.test';
beforeEach(async () => {
  router = await startRouter({
    start_interval_seconds: 0.2,
    registry: { prune_threshold_seconds: 0.3, sweep_interval_seconds: 0.05, silence_seconds: 0.2 },
  });
  backend = await startBackend();
});
afterEach(async () => {
  await router.stop();
  await backend.stop();
});

test('garbage and doubled messages do no harm', async () => {
  for (const text of ['', '{', 'null', '[]', '42', '{}', '{"host":1,"port":"x","uris":{}}', '\u0000\u0001']) {
    await router.publish('router.register', text);
    await router.publish('router.unregister', text);
    await router.publish('router.greet', text);
  }
  await router.publish('router.register', { host: '', port: 0, uris: [host] });
  await router.publish('router.register', { host: '127.0.0.1', port: backend.port, uris: null });
  for (let i = 0; i < 3; i++) await router.register({ port: backend.port, uris: [host] });
  expect(router.varz('droplets')).toBe(1);
  expect((await ask(router.port, { host })).status).toBe(200);
});

test('a numeric application id is read like a string', async () => {
  await router.publish('router.register', {
    host: '127.0.0.1',
    port: backend.port,
    uris: [host],
    app: 42,
    tags: null,
  });
  await waitFor(() => router.varz('urls') === 1);
  await ask(router.port, { host });
  expect(backend.requests[0]!.headers['x-cf-applicationid']).toBe('42');
});

test('ids that are no header text do not break the requests', async () => {
  await router.register({
    port: backend.port,
    uris: [host],
    app: 'a\r\nx: y',
    private_instance_id: 'é\u0001',
  });
  const { status } = await ask(router.port, { host });
  expect(status).toBe(200);
  expect(backend.requests[0]!.headers['x']).toBeUndefined();
});

test('asks everybody to register, steadily, and answers a greeting', async () => {
  const other = new Bus({
    servers: [router.nats.url],
    name: 'dea',
    log: silentLogger,
    clock: systemClock,
  });
  await other.start();
  const heard: unknown[] = [];
  other.subscribe(routerStart, (message) => void heard.push(message));
  await waitFor(() => heard.length >= 2);
  const expected = {
    id: expect.any(String),
    hosts: ['127.0.0.1'],
    minimumRegisterIntervalInSeconds: 5,
  };
  expect(heard[0]).toMatchObject(expected);
  const replies = await other.request(routerGreet, {}, { timeoutMs: 2000 });
  expect(replies[0]).toMatchObject(expected);
  await other.stop();
});

test('what is not repeated goes while the bus is lively', async () => {
  await router.register({ port: backend.port, uris: [host] });
  const pruned = await waitFor(async () => {
    await router.register({ port: 1, uris: ['lively.test'] });
    const answer = await ask(router.port, { host });
    return answer.status !== 200 && answer;
  });
  expect(pruned.headers['x-cf-routererror']).toBe('no_endpoints');
});

test('a host that cannot be one is refused', async () => {
  for (const bad of ['10.0.0.1/x', 'a b', 'a\u0000b', 'a@b', 'http://x']) {
    await router.publish('router.register', { host: bad, port: 1, uris: [host] });
  }
  await waitFor(() => router.varz('registrations_refused') === 5);
  expect(router.varz('urls')).toBe(0);
  expect((await ask(router.port, { host })).status).toBe(404);
});

test('the port of a dead app, used by another, serves the other alone', async () => {
  await router.register({ port: backend.port, uris: [host], app: 'old', private_instance_id: 'p1' });
  expect((await ask(router.port, { host })).body).toBe('ok');
  await backend.stop();
  backend = await startBackend((_q, response) => response.end('heir'), backend.port);
  await router.register({ port: backend.port, uris: ['heir.test'], app: 'new', private_instance_id: 'p2' });
  expect((await ask(router.port, { host })).headers['x-cf-routererror']).toBe('no_endpoints');
  const late = { host: '127.0.0.1', port: backend.port, uris: [host, 'heir.test'], app: 'old' };
  const before = Number(router.varz('unregisters_received'));
  await router.publish('router.unregister', { ...late, private_instance_id: 'p1' });
  await waitFor(() => Number(router.varz('unregisters_received')) > before);
  expect((await ask(router.port, { host: 'heir.test' })).body).toBe('heir');
});

test('a bus that is connected but frozen takes no route', async () => {
  await router.register({ port: backend.port, uris: [host] });
  const sweepsEnd = systemClock.monotonic() + 600;
  router.nats.freeze();
  await waitFor(() => systemClock.monotonic() > sweepsEnd);
  expect(router.bus.connected).toBe(true);
  expect((await ask(router.port, { host })).status).toBe(200);
  router.nats.thaw();
});

test('a silent or dead bus takes no route; its return asks for them again', async () => {
  await router.register({ port: backend.port, uris: [host] });
  const sweepsEnd = systemClock.monotonic() + 700;
  await router.nats.kill();
  await waitFor(() => !router.bus.connected && systemClock.monotonic() > sweepsEnd);
  expect((await ask(router.port, { host })).status).toBe(200);
  const nats = await startNats({ port: router.nats.port });
  await waitFor(() => router.bus.connected, { timeoutMs: 8000 });
  expect((await ask(router.port, { host })).status).toBe(200);
  await nats.stop();
}, 20_000);

test('drains: health first, running requests finish, nobody new is let in', async () => {
  const held: ServerResponse[] = [];
  const slow = await startBackend((_q, response) => void held.push(response));
  await router.register({ port: slow.port, uris: ['slow.test'] });
  const monitor = { host: '', headers: { 'User-Agent': 'HTTP-Monitor/1.1' } };
  expect(await ask(router.port, monitor)).toMatchObject({ status: 200, body: 'ok\n' });
  const running = ask(router.port, { host: 'slow.test' });
  await waitFor(() => held.length === 1);
  let drained = false;
  const drain = router.drain().then(() => (drained = true));
  await waitFor(() =>
    ask(router.port, { host }).then(
      () => false,
      () => true,
    ),
  );
  expect(drained).toBe(false);
  held[0]!.end('finished');
  expect((await running).body).toBe('finished');
  await drain;
  await slow.stop();
});

test('a drain answers who had just come, though he asks only then', async () => {
  await router.register({ port: backend.port, uris: [host] });
  const sockets = await Promise.all(
    Array.from(
      { length: 20 },
      () =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect(router.port, '127.0.0.1', () => resolve(socket));
          socket.on('error', reject);
        }),
    ),
  );
  const drain = router.drain();
  const answers = sockets.map((socket) => {
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return text(socket);
  });
  for (const answer of await Promise.all(answers))
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n/i);
  await drain;
});

test('a drain does not wait for ever', async () => {
  await router.stop();
  router = await startRouter({ drain: { timeout_seconds: 0.2 } });
  const slow = await startBackend(() => undefined);
  await router.register({ port: slow.port, uris: ['slow.test'] });
  const call = request({ port: router.port, host: '127.0.0.1', headers: { host: 'slow.test' } });
  const cut = new Promise<void>((resolve) => {
    call.on('error', () => resolve());
  });
  call.end();
  await waitFor(() => slow.requests.length === 1);
  await router.drain();
  await router.stop();
  await cut;
  await slow.stop();
  expect(slow.requests.length).toBe(1);
});
