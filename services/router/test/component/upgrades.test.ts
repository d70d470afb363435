import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { freePort, waitFor } from '@vcap/testkit';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { raw } from '../support/client.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { RouterUnderTest } from '../support/router-under-test.ts';

let router: RouterUnderTest;
let backends: Backend[] = [];
beforeEach(async () => {
  router = await startRouter();
});
afterEach(async () => {
  await router.stop();
  for (const backend of backends) await backend.stop();
  backends = [];
});

async function socketApp(id: string): Promise<Backend> {
  const backend = await startBackend();
  backends.push(backend);
  const sockets = new WebSocketServer({ server: backend.server });
  sockets.on('connection', (socket, request) => {
    backend.requests.push(request);
    socket.send(`hello from ${id}`);
    socket.on('message', (data: Buffer, binary) => socket.send(data, { binary }));
  });
  await router.register({ port: backend.port, uris: ['shop.test'], app: 'guid', private_instance_id: id });
  return backend;
}
/** Opens one; `first` is the greeting, which may come with the 101. */
function open(headers: Record<string, string> = {}): Promise<{ socket: WebSocket; first: string }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${router.port}/chat`, {
      headers: { host: 'shop.test', ...headers },
    });
    socket.once('message', (data: Buffer) => resolve({ socket, first: data.toString() }));
    socket.once('error', reject);
  });
}

test('a WebSocket carries both ways, counts as running, and leaves a 101 in the log', async () => {
  await socketApp('a');
  const { socket, first } = await open();
  expect(first).toBe('hello from a');
  const big = Buffer.alloc(2_000_000, 'z');
  const echo = new Promise<Buffer>((resolve) => {
    socket.once('message', (data: Buffer) => resolve(data));
  });
  socket.send(big);
  expect((await echo).equals(big)).toBe(true);
  const request = backends[0]!.requests[0]!;
  expect(request.headers).toMatchObject({ host: 'shop.test', 'x-forwarded-for': '127.0.0.1' });
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.close();
  await closed;
  await waitFor(async () => /" 101 \d+ \d{7} /.test(await router.accessLog()));
});

test('a WebSocket obeys stickiness, and passes over a dead backend', async () => {
  await socketApp('a');
  await socketApp('b');
  const dead = await freePort();
  await router.register({ port: dead, uris: ['shop.test'], app: 'guid', private_instance_id: 'dead' });
  for (const id of ['b', 'b', 'a', 'b', 'b']) {
    const { socket, first } = await open({ cookie: `__VCAP_ID__=${id}` });
    expect(first).toBe(`hello from ${id}`);
    socket.terminate();
  }
  const { socket, first } = await open({ cookie: '__VCAP_ID__=dead' });
  expect(first).toMatch(/^hello from/);
  socket.terminate();
});

test('a refused upgrade is an ordinary answer, and what follows does not reach the backend', async () => {
  const backend = await startBackend((_q, response) => response.writeHead(403).end('no'));
  backends.push(backend);
  await router.register({ port: backend.port, uris: ['shop.test'] });
  const text = await raw(
    router.port,
    'GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
  );
  expect(text).toMatch(/^HTTP\/1\.1 403 .*no/s);
  expect(backend.requests.map(({ url }) => url)).toEqual(['/']);
});

test.each([
  ['unknown.test', 404],
  ['shop.test', 502],
])('an upgrade to %s that cannot be served is answered in HTTP', async (host, status) => {
  await router.register({ port: await freePort(), uris: ['shop.test'] });
  const text = await raw(
    router.port,
    `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*X-Cf-RouterError: `, 's'));
});

test('any other protocol is tunnelled after a 101, early bytes of both sides included', async () => {
  const backend = await startBackend();
  backends.push(backend);
  backend.server.on('upgrade', (_request, socket: Duplex, head: Buffer) => {
    socket.write('HTTP/1.1 101 Sure\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly ');
    socket.write(head);
    socket.pipe(socket);
  });
  await router.register({ port: backend.port, uris: ['shop.test'] });
  const got = await new Promise<string>((resolve) => {
    const socket = connect(router.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\neager ');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (text.endsWith('eager ')) socket.end('last');
    });
    socket.on('close', () => resolve(text));
  });
  expect(got).toMatch(/^HTTP\/1\.1 101 Sure\r\n.*\r\n\r\nearly eager last$/s);
});

test('an offer of h2c with a body is served as an ordinary request', async () => {
  const backend = await startBackend((incoming, response) => incoming.pipe(response));
  backends.push(backend);
  await router.register({ port: backend.port, uris: ['shop.test'] });
  const text = await raw(
    router.port,
    'POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody',
  );
  expect(text).toMatch(/^HTTP\/1\.1 200 .*body/s);
});
