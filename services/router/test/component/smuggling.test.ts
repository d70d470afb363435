import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { ask, raw } from '../support/client.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { RouterUnderTest } from '../support/router-under-test.ts';

let router: RouterUnderTest;
let backend: Backend;
const host = 'shop.test';
beforeAll(async () => {
  router = await startRouter();
  backend = await startBackend((incoming, response) => {
    incoming.resume().on('end', () => response.end('ok'));
  });
  await router.register({ port: backend.port, uris: [host] });
});
afterAll(async () => {
  await router.stop();
  await backend.stop();
});
beforeEach(() => {
  backend.requests.length = 0;
});

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n';
const post = (headers: string, body = ''): string =>
  `POST / HTTP/1.1\r\nHost: shop.test\r\n${headers}\r\n\r\n${body}${smuggled}`;

test.each([
  ['both lengths', post('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n')],
  ['both lengths, the other way round', post('Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n')],
  ['two different lengths', post('Content-Length: 0\r\nContent-Length: 45')],
  ['a list of lengths', post('Content-Length: 0, 45')],
  ['a signed length', post('Content-Length: +0')],
  ['a hexadecimal length', post('Content-Length: 0x0')],
  ['a length beyond all numbers', post('Content-Length: 99999999999999999999999')],
  ['an unknown coding', post('Transfer-Encoding: xchunked', '0\r\n\r\n')],
  ['chunked not last', post('Transfer-Encoding: chunked, identity', '0\r\n\r\n')],
  ['a space before the colon', post('Transfer-Encoding : chunked', '0\r\n\r\n')],
  ['a line that goes on in the next one', post('X-A: 1\r\n Content-Length: 45')],
  ['a length in a folded line', post('Content-Length:\r\n 45')],
  ['line feeds alone', post('').replaceAll('\r\n', '\n')],
  ['a carriage return alone in a value', post('X-A: 1\rContent-Length: 45')],
  ['a NUL in a value', post('X-A: 1\u0000')],
  ['a header without a name', post(': 1')],
  ['a host with a path in its port', `GET / HTTP/1.1\r\nHost: shop.test:80/evil\r\n\r\n${smuggled}`],
  ['a host with a user', `GET / HTTP/1.1\r\nHost: evil@shop.test\r\n\r\n${smuggled}`],
  ['two hosts', `GET / HTTP/1.1\r\nHost: shop.test\r\nHost: other.test\r\nConnection: close\r\n\r\n`],
  ['HTTP/0.9', `GET / HTTP/0.9\r\nHost: shop.test\r\n\r\n`],
  ['HTTP/2 in clear text', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['HTTP/2 as a version', 'GET / HTTP/2.0\r\nHost: shop.test\r\nConnection: close\r\n\r\n'],
  ['a target that is no path', `GET shop.test HTTP/1.1\r\nHost: shop.test\r\n\r\n`],
])('%s is refused and reaches nobody', async (_what, text) => {
  const answer = await raw(router.port, text);
  expect(answer).toMatch(/^HTTP\/1\.1 (400|405) [^]*?\r\nX-Cf-RouterError: /);
  expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  expect(answer.match(/HTTP\/1\.1 \d/g)).toHaveLength(1);
  expect(backend.requests).toHaveLength(0);
});

test.each([
  ['an endless chunk size', 'FFFFFFFFFFFFFFFFF\r\n'],
  ['a chunk size that is no number', 'zz\r\n'],
  ['a chunk longer than it says', '1\r\nabc\r\n0\r\n\r\n'],
  ['a chunk extension with a line feed', '1;a\nb\r\nx\r\n0\r\n\r\n'],
])('a body with %s is refused, the backend does not get its end, and is not blamed', async (_what, body) => {
  const text = await raw(router.port, post('Transfer-Encoding: chunked', body));
  expect(text).toMatch(/^HTTP\/1\.1 400 [^]*?X-Cf-RouterError: bad_request/);
  expect(backend.requests.filter(({ complete }) => complete)).toHaveLength(0);
  expect((await ask(router.port, { host })).body).toBe('ok');
});

test('what is read one way only passes: a doubled slash, an absolute target, a list of codings', async () => {
  const close = 'Connection: close\r\n\r\n';
  const absolute = `GET http://shop.test/a?b HTTP/1.1\r\nHost: other.test\r\n${close}`;
  expect(await raw(router.port, absolute)).toMatch(/^HTTP\/1\.1 200 /);
  expect(backend.requests[0]).toMatchObject({ url: '/a?b', headers: { host } });
  const doubled = `OPTIONS * HTTP/1.1\r\nHost: shop.test\r\n${close}`;
  expect(await raw(router.port, doubled)).toMatch(/^HTTP\/1\.1 200 /);
  const unusual = `GET / HTTP/1.1\r\nHost: shop.test\r\nExpect: miracles\r\n${close}`;
  expect(await raw(router.port, unusual)).toMatch(/^HTTP\/1\.1 200 /);
});

test('requests in a row on one connection are answered in order', async () => {
  const get = (path: string, end = ''): string => `GET ${path} HTTP/1.1\r\nHost: shop.test\r\n${end}\r\n`;
  const text = await raw(router.port, get('/1') + get('/2') + get('/3', 'Connection: close\r\n'));
  expect(text.match(/HTTP\/1\.1 200 /g)).toHaveLength(3);
  expect(new Set(backend.requests.map(({ url }) => url))).toEqual(new Set(['/1', '/2', '/3']));
});

test('garbage after a request does not get into its answer', async () => {
  const text = await raw(
    router.port,
    'GET / HTTP/1.1\r\nHost: shop.test\r\n\r\nrubbish\r\n\r\nrubbish\r\n\r\n',
  );
  expect(text).toMatch(/^HTTP\/1\.1 200 [^]*ok/);
  expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
});

test('an answer with two lengths is refused; one after its time is nobody else’s', async () => {
  let count = 0;
  const sly = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      count += 1;
      const one = (body: string): string =>
        `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      if (data.toString().startsWith('GET /both'))
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
      else if (data.toString().startsWith('GET /twice')) socket.write(one('first') + one('poison'));
      else socket.write(one('mine'));
    });
  });
  await new Promise<void>((resolve) => {
    sly.listen(0, '127.0.0.1', resolve);
  });
  await router.register({ port: (sly.address() as AddressInfo).port, uris: ['sly.test'] });
  const from = (path: string) => ask(router.port, { host: 'sly.test', path });
  expect((await from('/both')).status).toBe(502);
  await from('/twice').catch(() => undefined);
  expect((await from('/')).body).toBe('mine');
  expect(count).toBeGreaterThanOrEqual(3);
  sly.close();
});

test('a client that says nothing, or stops in the middle of a head, is told and closed', async () => {
  const impatient = await startRouter({ timeouts: { request_header_seconds: 0.2 } });
  for (const text of ['', 'GET / HTTP/1.1\r\nHo']) {
    expect(await raw(impatient.port, text)).toMatch(/^HTTP\/1\.1 408 [^]*?X-Cf-RouterError: client_timeout/);
  }
  const socket = connect(impatient.port, '127.0.0.1');
  await waitFor(() => !socket.connecting);
  await impatient.stop();
  await waitFor(() => socket.closed || socket.destroy());
});
