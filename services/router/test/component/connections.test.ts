import { afterEach, expect, test } from '@jest/globals';
import { startProcess, waitFor } from '@vcap/testkit';
import { Agent, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Pool } from 'undici';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { ask, raw } from '../support/client.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { RouterUnderTest } from '../support/router-under-test.ts';

let router: RouterUnderTest;
let cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanups) await each();
  cleanups = [];
  await router.stop();
});
const host = 'shop.test';
async function app(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  id = 'p',
): Promise<Backend> {
  const backend = await startBackend(handler);
  cleanups.push(() => backend.stop());
  await router.register({ port: backend.port, uris: [host], app: 'guid', private_instance_id: id });
  return backend;
}
function oneConnection(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  cleanups.push(() => agent.destroy());
  return agent;
}
function client(text: string): Socket {
  const socket = connect(router.port, '127.0.0.1', () => socket.write(text));
  socket.on('error', () => undefined);
  cleanups.push(() => socket.destroy());
  return socket;
}
const upgrade = 'GET /up HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

test.each([
  ['answered early', (_q: IncomingMessage, response: ServerResponse) => response.writeHead(413).end(), 413],
  [
    'lost with the backend',
    (incoming: IncomingMessage) => incoming.once('data', () => incoming.socket.resetAndDestroy()),
    502,
  ],
])('an upload %s leaves the visitor’s connection usable', async (_what, handler, status) => {
  router = await startRouter();
  await app((incoming, response) =>
    incoming.method === 'POST' ? void handler(incoming, response) : response.end('next'),
  );
  const agent = oneConnection();
  const body = Buffer.alloc(8 * 1024 * 1024);
  const upload = await ask(router.port, { host, agent, method: 'POST', path: '/up', body });
  expect(upload.status).toBe(status);
  expect((await ask(router.port, { host, agent })).body).toBe('next');
});

test('an upload that goes on keeps an answer alive that has begun', async () => {
  router = await startRouter({ timeouts: { idle_seconds: 0.4 } });
  await app((incoming, response) => {
    response.write('begun ');
    incoming.resume().on('end', () => response.end('done'));
  });
  const answer = new Promise<string>((resolve, reject) => {
    const call = request(
      { port: router.port, host: '127.0.0.1', method: 'POST', headers: { host }, agent: false },
      (response) => {
        let got = '';
        response.on('data', (chunk: Buffer) => (got += chunk.toString()));
        response.on('end', () => resolve(got)).on('error', reject);
      },
    );
    call.on('error', reject);
    let left = 6;
    const timer = setInterval(() => {
      left -= 1;
      call.write('x');
      if (left > 0) return;
      clearInterval(timer);
      call.end();
    }, 150);
    call.flushHeaders();
  });
  expect(await answer).toBe('begun done');
});

test('a visitor who does not read is 499, not the backend’s timeout', async () => {
  router = await startRouter({ timeouts: { idle_seconds: 0.3 } });
  await app((_q, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(256 * 1024)));
      response.once('drain', more);
    };
    more();
  });
  const call = request({ port: router.port, host: '127.0.0.1', headers: { host }, agent: false });
  call.on('response', (response) => response.on('error', () => undefined));
  call.on('error', () => undefined).end();
  cleanups.push(() => call.destroy());
  const log = await waitFor(() => router.accessLog());
  expect(log).toMatch(/ 499 .*x_cf_routererror:"-"/);
});

test('an upgrade whose visitor leaves before the 101 is given up', async () => {
  router = await startRouter();
  const backend = await app(() => undefined);
  backend.server.on('upgrade', (incoming: IncomingMessage, socket: Socket) => {
    backend.requests.push(incoming);
    socket.resume().on('end', () => socket.end());
  });
  const socket = client(upgrade);
  await waitFor(() => backend.requests.length === 1);
  expect(router.varz('client_connections')).toBe(1);
  socket.destroy();
  await waitFor(() => router.varz('client_connections') === 0);
  await waitFor(async () => / 499 /.test(await router.accessLog()));
  await waitFor(() => backend.connections.every((each) => each.closed));
});

test('an upgrade that the backend leaves unanswered is 504', async () => {
  router = await startRouter({ timeouts: { response_seconds: 0.2 } });
  const backend = await app(() => undefined);
  backend.server.on('upgrade', (_q, socket: Socket) => socket.resume());
  expect(await raw(router.port, upgrade)).toMatch(/^HTTP\/1\.1 504 [^]*X-Cf-RouterError: endpoint_timeout/);
});

test('the last bytes of a tunnel arrive, whoever ends first', async () => {
  router = await startRouter();
  const backend = await app(() => undefined);
  const big = Buffer.alloc(4 * 1024 * 1024, 'b');
  let heard = 0;
  backend.server.on('upgrade', (_q, socket: Socket) => {
    socket.write('HTTP/1.1 101 Sure\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.on('data', (chunk: Buffer) => (heard += chunk.length));
    socket.on('end', () => socket.end(big));
  });
  const socket = client(upgrade);
  let got = 0;
  socket.once('data', () => socket.end(big));
  socket.on('data', (chunk: Buffer) => (got += chunk.length));
  await waitFor(() => socket.closed);
  expect(heard).toBe(big.length);
  expect(got).toBeGreaterThan(big.length);
});

test('a new owner of an address gets none of its predecessor’s connections', async () => {
  router = await startRouter();
  const held: ServerResponse[] = [];
  const backend = await app((incoming, response) => {
    if (incoming.url === '/held') held.push(response);
    else response.end('ok');
  }, 'old');
  const first = ask(router.port, { host, path: '/held' });
  await waitFor(() => held.length === 1);
  const heir = { port: backend.port, uris: ['heir.test'], app: 'heir', private_instance_id: 'new' };
  await router.register(heir);
  held[0]!.end('old');
  expect((await first).body).toBe('old');
  expect((await ask(router.port, { host: 'heir.test' })).body).toBe('ok');
  expect(backend.connections).toHaveLength(2);
  expect((await ask(router.port, { host })).status).toBe(503);
  await waitFor(() => backend.connections[0]!.closed);
});

test('a backend at its limit is passed over; when all are, 503', async () => {
  router = await startRouter({ backend_max_requests: 1 });
  const held: ServerResponse[] = [];
  const hold = (_q: IncomingMessage, response: ServerResponse): void => void held.push(response);
  await app(hold, 'a');
  await app(hold, 'b');
  const cookie = '__VCAP_ID__=a';
  const running = [1, 2].map(() => ask(router.port, { host, headers: { cookie } }));
  await waitFor(() => held.length === 2);
  const third = await ask(router.port, { host });
  expect(third.status).toBe(503);
  expect(third.headers).toMatchObject({ 'x-cf-routererror': 'Connection Limit Reached', 'retry-after': '5' });
  for (const each of held) each.end('done');
  for (const each of running) expect((await each).body).toBe('done');
});

test('a backend that does not accept is given up in time: another is tried, alone it is 504', async () => {
  router = await startRouter({ timeouts: { connect_seconds: 0.2 } });
  const program =
    'const s=require("net").createServer().listen({port:0,host:"127.0.0.1",backlog:1},()=>console.log("port "+s.address().port))';
  const stuck = await startProcess({ argv: [process.execPath, '-e', program], readyWhen: /port \d+/ });
  cleanups.push(() => stuck.kill());
  const port = Number(/port (\d+)/.exec(stuck.output())?.[1]);
  stuck.signal('SIGSTOP');
  const queued: Socket[] = [];
  cleanups.push(() => queued.forEach((each) => each.destroy()));
  await waitFor(() => {
    if (queued.at(-1)?.connecting === true && queued.length > 4) return true;
    queued.push(connect(port, '127.0.0.1').on('error', () => undefined));
    return false;
  });
  await router.register({ port, uris: [host], app: 'guid', private_instance_id: 'stuck' });
  const alone = await ask(router.port, { host });
  expect(alone).toMatchObject({ status: 504, headers: { 'x-cf-routererror': 'endpoint_timeout' } });
  await router.register({ port, uris: [host], app: 'guid', private_instance_id: 'stuck' });
  await app((incoming, response) => incoming.pipe(response), 'good');
  const cookie = '__VCAP_ID__=stuck';
  const posted = await ask(router.port, { host, method: 'POST', body: 'whole', headers: { cookie } });
  expect(posted.body).toBe('whole');
});

test('drain: health says so first, visitors are served and asked to close, idle connections go', async () => {
  router = await startRouter({ health_port: 0, drain: { wait_seconds: 0.5 } });
  await app((_q, response) => response.end('ok'));
  const health = () => ask(router.healthPort, { host: 'any', path: '/health' });
  expect(await health()).toMatchObject({ status: 200, body: 'ok\n' });
  expect((await ask(router.healthPort, { host: 'any' })).status).toBe(404);
  const idle = client('GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n').resume();
  await waitFor(() => idle.bytesRead > 0);
  const drained = router.drain();
  expect(await health()).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  const served = await ask(router.port, { host, agent: oneConnection() });
  expect(served).toMatchObject({ status: 200, headers: { connection: 'close' } });
  const unknown = await ask(router.port, { host: 'unknown.test', agent: oneConnection() });
  expect(unknown).toMatchObject({ status: 404, headers: { connection: 'close' } });
  await drained;
  await waitFor(() => idle.closed);
});

test('a crowd sees no error while one of three instances dies and another comes', async () => {
  router = await startRouter();
  const echo = (incoming: IncomingMessage, response: ServerResponse): void => void incoming.pipe(response);
  const [dying] = [await app(echo, 'a'), await app(echo, 'b'), await app(echo, 'c')];
  const pool = new Pool(`http://127.0.0.1:${router.port}`, { connections: 20 });
  cleanups.push(() => pool.close());
  const one = async (i: number): Promise<string> => {
    const body = i % 3 === 0 ? `${i}`.repeat(i * 10) : undefined;
    const method = body === undefined ? 'GET' : 'PUT';
    const answer = await pool.request({ path: `/${i}`, method, headers: { host }, body: body ?? null });
    const text = await answer.body.text();
    return answer.statusCode === 200 && text === (body ?? '') ? 'fine' : `${method} ${answer.statusCode}`;
  };
  const before = await Promise.all(Array.from({ length: 200 }, (_each, i) => one(i)));
  await dying.stop();
  const after = await Promise.all(Array.from({ length: 200 }, (_each, i) => one(i)));
  await app(echo, 'd');
  const later = await Promise.all(Array.from({ length: 200 }, (_each, i) => one(i)));
  expect([...new Set([...before, ...after, ...later])]).toEqual(['fine']);
});
