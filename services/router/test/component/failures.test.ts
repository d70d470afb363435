import { afterEach, expect, test } from '@jest/globals';
import { freePort, waitFor } from '@vcap/testkit';
import { request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { ask, raw } from '../support/client.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { RouterUnderTest } from '../support/router-under-test.ts';

let router: RouterUnderTest;
let backends: Backend[] = [];
afterEach(async () => {
  await router.stop();
  for (const backend of backends) await backend.stop();
  backends = [];
});
async function app(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  id: string,
): Promise<Backend> {
  const backend = await startBackend(handler);
  backends.push(backend);
  await router.register({ port: backend.port, uris: ['shop.test'], app: 'guid', private_instance_id: id });
  return backend;
}
const host = 'shop.test';

test('unknown host 404, known host without instance 503, no host 400', async () => {
  router = await startRouter();
  const backend = await app((_q, response) => response.end(), 'p');
  const unknown = await ask(router.port, { host: 'other.test' });
  expect(unknown.status).toBe(404);
  expect(unknown.headers['x-cf-routererror']).toBe('unknown_route');
  expect(unknown.body).toContain("Requested route ('other.test') does not exist.");
  const { port } = backend;
  await router.publish('router.unregister', { host: '127.0.0.1', port, uris: [host] });
  await waitFor(() => router.varz('urls') === 0);
  const empty = await ask(router.port, { host });
  expect(empty.status).toBe(503);
  expect(empty.headers).toMatchObject({ 'x-cf-routererror': 'no_endpoints', 'retry-after': '5' });
  for (const head of ['GET / HTTP/1.1\r\nHost:\r\n', 'GET / HTTP/1.1\r\n', 'GET / HTTP/1.0\r\n']) {
    const text = await raw(router.port, `${head}Connection: close\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toMatch(/x-cf-routererror: empty_host/i);
  }
});

test('dead backends are passed over at once, and come back when they register', async () => {
  router = await startRouter();
  const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  for (const port of ports)
    await router.register({ port, uris: [host], app: 'guid', private_instance_id: `${port}` });
  const good = await app((_q, response) => response.end('good'), 'p');
  for (let i = 0; i < 10; i++) expect((await ask(router.port, { host })).body).toBe('good');
  await good.stop();
  const gone = await ask(router.port, { host });
  expect(gone.status).toBe(502);
  expect(gone.headers['x-cf-routererror']).toBe('endpoint_failure');
  expect((await ask(router.port, { host })).status).toBe(503);
  const again = await startBackend((_q, response) => response.end('again'), good.port);
  backends.push(again);
  await router.register({ port: good.port, uris: [host], app: 'guid', private_instance_id: 'p' });
  expect((await ask(router.port, { host })).body).toBe('again');
});

test('a body goes to the next backend whole when the first refuses', async () => {
  router = await startRouter();
  for (let i = 0; i < 3; i++) {
    const port = await freePort();
    await router.register({ port, uris: [host], app: 'guid', private_instance_id: `${i}` });
  }
  await app((incoming, response) => incoming.pipe(response), 'p');
  const body = Buffer.alloc(3_000_000, 'b');
  const answer = await ask(router.port, { host, method: 'POST', body });
  expect(answer).toMatchObject({ status: 200, body: body.toString() });
});

test('a GET whose backend resets it goes to another; the backend is a last resort from then on', async () => {
  router = await startRouter();
  const bad = await app((incoming) => incoming.socket.resetAndDestroy(), 'bad');
  await app((_q, response) => response.end('good'), 'good');
  for (let i = 0; i < 6; i++) expect((await ask(router.port, { host })).body).toBe('good');
  expect(bad.requests.length).toBe(1);
});

test('a POST that a backend may have acted on is not sent again', async () => {
  router = await startRouter();
  let seen = 0;
  const die = (incoming: IncomingMessage): void => {
    seen += 1;
    incoming.once('data', () => incoming.socket.resetAndDestroy());
  };
  await app(die, 'a');
  await app(die, 'b');
  const answer = await ask(router.port, { host, method: 'POST', body: 'pay' });
  expect(answer.status).toBe(502);
  expect(answer.headers['x-cf-routererror']).toBe('endpoint_failure');
  expect(seen).toBe(1);
});

test('a kept connection that dies under a GET is replaced; the backend stays in rotation', async () => {
  router = await startRouter();
  let count = 0;
  const backend = await app((incoming, response) => {
    count += 1;
    if (count === 2) incoming.socket.destroy();
    else response.end(`${count}`);
  }, 'p');
  expect((await ask(router.port, { host })).body).toBe('1');
  expect((await ask(router.port, { host })).body).toBe('3');
  expect(backend.connections.length).toBe(2);
  expect((await ask(router.port, { host })).status).toBe(200);
});

test('all instances resetting: 502, and they are tried again next time', async () => {
  router = await startRouter();
  const bad = await app((incoming) => incoming.socket.resetAndDestroy(), 'bad');
  for (let i = 1; i <= 2; i++) {
    expect((await ask(router.port, { host })).status).toBe(502);
    expect(bad.requests.length).toBe(i);
  }
});

test('a backend that does not answer in time: 504', async () => {
  router = await startRouter({ timeouts: { response_seconds: 0.2 } });
  await app(() => undefined, 'p');
  const answer = await ask(router.port, { host });
  expect(answer.status).toBe(504);
  expect(answer.headers['x-cf-routererror']).toBeDefined();
});

test('an answer that stops is cut off, a slow one is not', async () => {
  router = await startRouter({ timeouts: { idle_seconds: 0.5, response_seconds: 0.5 } });
  await app((incoming, response) => {
    response.write('x');
    if (incoming.url === '/stop') return;
    let left = 4;
    const timer = setInterval(() => {
      left -= 1;
      if (left > 0) response.write('x');
      else {
        clearInterval(timer);
        response.end('!');
      }
    }, 200);
  }, 'p');
  await expect(ask(router.port, { host, path: '/stop' })).rejects.toThrow('aborted');
  expect((await ask(router.port, { host, path: '/slow' })).body).toBe('xxxx!');
});

test('a slow upload is not held against the backend', async () => {
  router = await startRouter({ timeouts: { response_seconds: 0.4 } });
  await app((incoming, response) => incoming.resume().on('end', () => response.end('done')), 'p');
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const call = request(
      { port: router.port, host: '127.0.0.1', method: 'POST', headers: { host } },
      (response) => resolve(response.statusCode),
    );
    call.on('error', reject);
    let left = 5;
    const timer = setInterval(() => {
      left -= 1;
      if (left > 0) call.write('x');
      else {
        clearInterval(timer);
        call.end();
      }
    }, 200);
  });
  expect(status).toBe(200);
});

test('a visitor who leaves is 499 in the log and no fault of the backend', async () => {
  router = await startRouter();
  let closed = false;
  const backend = await app((incoming, response) => {
    if (incoming.url === '/hang') response.on('close', () => (closed = true));
    else response.end('fine');
  }, 'p');
  const socket = connect(router.port, '127.0.0.1');
  socket.write('GET /hang HTTP/1.1\r\nHost: shop.test\r\n\r\n');
  await waitFor(() => backend.requests.length === 1);
  socket.destroy();
  await waitFor(() => closed);
  await waitFor(async () => / 499 /.test(await router.accessLog()));
  expect((await ask(router.port, { host })).body).toBe('fine');
});

test('garbage from a backend is 502, also when it claims an upgrade nobody asked for', async () => {
  router = await startRouter();
  await app((incoming) => {
    const text =
      incoming.url === '/101'
        ? 'HTTP/1.1 101 Sure\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'
        : 'what?\r\n\r\n';
    incoming.socket.end(text);
  }, 'p');
  expect((await ask(router.port, { host, path: '/101' })).status).toBe(502);
  expect((await ask(router.port, { host })).status).toBe(502);
});

test('what must not be parsed two ways is refused', async () => {
  router = await startRouter();
  const backend = await app((_q, response) => response.end('ok'), 'p');
  const both =
    'POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
  const hosts = 'GET / HTTP/1.1\r\nHost: shop.test\r\nHost: other.test\r\nConnection: close\r\n\r\n';
  const lengths = 'POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab';
  for (const text of [
    both,
    hosts,
    lengths,
    'nonsense\r\n\r\n',
    'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
  ]) {
    expect(await raw(router.port, text)).toMatch(/^HTTP\/1\.1 40[05] .*X-Cf-RouterError: /s);
  }
  expect(backend.requests.length).toBe(0);
});

test('64 KB of headers pass nearly, more is 431', async () => {
  router = await startRouter();
  const backend = await app((_q, response) => response.end('ok'), 'p');
  expect((await ask(router.port, { host, headers: { 'X-Big': 'x'.repeat(60_000) } })).status).toBe(200);
  const many = Array.from({ length: 3000 }, (_, i) => `h${i}: 1\r\n`).join('');
  await raw(router.port, `GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n${many}\r\n`);
  expect(backend.requests[1]!.headers['h2999']).toBe('1');
  const text = await raw(
    router.port,
    `GET / HTTP/1.1\r\nHost: shop.test\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`,
  );
  expect(text).toMatch(/^HTTP\/1\.1 431 .*X-Cf-RouterError: max-request-size-exceeded/s);
});

test('a head that does not come to its end is answered 408', async () => {
  router = await startRouter({ timeouts: { request_header_seconds: 0.3 } });
  expect(await raw(router.port, 'GET / HTTP/1.1\r\nHost: a')).toMatch(/^HTTP\/1\.1 408 /);
});

test.each(['target', 'name', 'value'])(
  'any byte in a header or target (%s) is passed or refused, never fatal',
  async (where) => {
    router = await startRouter();
    await app((_q, response) => response.end('ok'), 'p');
    for (let byte = 0; byte < 256; byte++) {
      const put = (text: string): Buffer => Buffer.concat([Buffer.from(text), Buffer.from([byte])]);
      const parts = {
        target: [put('GET /a'), ' HTTP/1.1\r\n'],
        name: [put('GET / HTTP/1.1\r\nX'), 'y: 1\r\n'],
        value: [put('GET / HTTP/1.1\r\nX-A: a'), 'b\r\n'],
      }[where]!;
      const head = Buffer.concat(parts.map((part) => Buffer.from(part)));
      const rest = Buffer.from('Host: shop.test\r\nConnection: close\r\n\r\n');
      expect(await raw(router.port, Buffer.concat([head, rest]))).toMatch(/^HTTP\/1\.1 (200|400) /);
    }
  },
  20_000,
);
