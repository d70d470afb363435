import { afterEach, describe, expect, test } from '@jest/globals';
import { freePort, waitFor as waitShortly } from '@vcap/testkit';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { ask } from '../support/client.ts';
import { nginxLacks } from '../support/nginx.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { RouterUnderTest } from '../support/router-under-test.ts';

const waitFor = <T>(condition: () => T | Promise<T>) => waitShortly(condition, { timeoutMs: 20_000 });
const lacking = nginxLacks();
if (lacking !== undefined) process.stderr.write(`The nginx plane is not tried: ${lacking}.\n`);
const whereNginxIs = lacking === undefined ? describe : describe.skip;
const host = 'shop.test';

whereNginxIs('the nginx plane', () => {
  const backends: Backend[] = [];
  let router: RouterUnderTest;
  afterEach(async () => {
    await router.stop();
    for (const each of backends.splice(0)) await each.stop();
  });

  async function app(
    id: string,
    handler: (q: IncomingMessage, r: ServerResponse) => void = (_q, r) => void r.end(id),
    uris = [host],
  ): Promise<Backend> {
    const backend = await startBackend(handler);
    backends.push(backend);
    await router.register({ port: backend.port, uris, app: 'guid', private_instance_id: id });
    return backend;
  }
  const get = async (headers: Record<string, string> = {}): Promise<string> =>
    (await ask(router.port, { host, headers })).body;

  test('learns a route once, and hears of its changes', async () => {
    router = await startRouter({ dataplane: 'nginx' });
    for (const path of ['/', '/status', '/push'])
      expect((await ask(router.port, { host, path })).headers['x-cf-routererror']).toBe('unknown_route');
    const first = await app('1');
    await waitFor(async () => (await ask(router.port, { host })).status === 200);
    await app('2');
    await waitFor(async () => (await get()) === '2');
    const gone = { host: '127.0.0.1', port: first.port, uris: [host], app: 'guid' };
    await router.publish('router.unregister', gone);
    await waitFor(async () => {
      const answers = [await get(), await get(), await get()];
      return answers.every((each) => each === '2');
    });
    expect(first.requests.length).toBeGreaterThan(0);
  });

  test('the longest path wins, and a wildcard where no host does', async () => {
    router = await startRouter({ dataplane: 'nginx' });
    await app('root');
    await app('api', undefined, [`${host}/api`]);
    await app('wild', undefined, ['*.test']);
    const at = async (name: string, path: string): Promise<string> =>
      (await ask(router.port, { host: name, path })).body;
    await waitFor(async () => (await at(host, '/api/x')) === 'api');
    expect(await at(host, '/apis')).toBe('root');
    expect(await at('other.test', '/api')).toBe('wild');
  });

  test('dead instances are passed over, for bodies too, and come back when they register', async () => {
    router = await startRouter({ dataplane: 'nginx' });
    const dead = await freePort();
    await router.register({ port: dead, uris: [host], app: 'guid', private_instance_id: 'dead' });
    expect((await ask(router.port, { host })).headers['x-cf-routererror']).toBe('endpoint_failure');
    await waitFor(async () => (await ask(router.port, { host })).status === 503);
    await app('alive');
    await waitFor(async () => (await get()) === 'alive');
    const body = Buffer.alloc(300_000, 'b');
    for (let i = 0; i < 6; i += 1) {
      const cookie = '__VCAP_ID__=dead';
      const answer = await ask(router.port, { host, method: 'POST', body, headers: { cookie } });
      expect(answer.body).toBe('alive');
    }
    backends.push(await startBackend((_q, response) => response.end('again'), dead));
    await waitFor(async () => {
      await router.register({ port: dead, uris: [host], app: 'guid', private_instance_id: 'dead' });
      return (await get({ cookie: '__VCAP_ID__=dead' })) === 'again';
    });
  });

  test('a POST that an instance may have acted on is not sent again', async () => {
    router = await startRouter({ dataplane: 'nginx' });
    const cut = await app('cut', (q) => q.socket.resetAndDestroy());
    const answer = await ask(router.port, { host, method: 'POST', body: 'x' });
    expect(answer.status).toBe(502);
    expect(cut.requests).toHaveLength(1);
  });

  test('sessions stick, with the session cookie’s own attributes', async () => {
    router = await startRouter({ dataplane: 'nginx' });
    const begin = (id: string) => (_q: IncomingMessage, response: ServerResponse) =>
      void response.setHeader('Set-Cookie', ['a=b', 'JSESSIONID=1; Path=/x; Secure']).end(id);
    await app('one', begin('one'));
    await app('two', begin('two'));
    const first = await ask(router.port, { host });
    expect(first.headers['set-cookie']).toEqual([
      'a=b',
      'JSESSIONID=1; Path=/x; Secure',
      `__VCAP_ID__=${first.body}; Path=/x; Secure; HttpOnly`,
    ]);
    for (let i = 0; i < 4; i += 1)
      expect(await get({ cookie: `x=y; __VCAP_ID__=${first.body}` })).toBe(first.body);
  });

  test('tells the instance who was meant, after a failure too', async () => {
    router = await startRouter({ dataplane: 'nginx' });
    await router.register({ port: await freePort(), uris: [host], app: 'guid', private_instance_id: 'dead' });
    const alive = await app('alive');
    for (let i = 0; i < 3; i += 1) await get({ cookie: '__VCAP_ID__=dead', 'x-cf-instanceid': 'forged' });
    for (const { headers } of alive.requests) {
      expect(headers['x-cf-instanceid']).toBe('alive');
      expect(headers['x-cf-applicationid']).toBe('guid');
      expect(headers['x-forwarded-for']).toBe('127.0.0.1');
      expect(headers['traceparent']).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
    }
    expect(alive.requests.length).toBe(3);
  });

  test('the pages are those of the Node plane, but for what nginx does not serve', async () => {
    router = await startRouter({ dataplane: 'nginx' });
    const missing = await ask(router.port, { host: 'a~b.test' });
    expect(missing.body).toBe("404 Not Found: Requested route ('a?b.test') does not exist.\n");
    expect(missing.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache, no-store',
      'x-vcap-request-id': expect.stringMatching(/^[\da-f]{32}$/),
    });
    const refused = await ask(router.port, { host, method: 'TRACE' });
    expect(refused.status).toBe(405);
    expect(refused.headers).toMatchObject({
      allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
      'x-cf-routererror': 'method_not_allowed',
    });
    const health = await ask(router.port, { host, headers: { 'user-agent': 'HTTP-Monitor/1.1' } });
    expect(health).toMatchObject({ status: 200, body: 'ok\n' });
    expect(health.headers).toMatchObject({ 'cache-control': 'private, max-age=0', expires: '0' });
  });

  test('WebSockets pass', async () => {
    router = await startRouter({ dataplane: 'nginx' });
    const backend = await app('ws');
    const server = new WebSocketServer({ server: backend.server });
    server.on('connection', (socket) => socket.on('message', (data: Buffer) => socket.send(data.toString())));
    const socket = new WebSocket(`ws://127.0.0.1:${router.port}/`, { headers: { host } });
    const heard = new Promise<string>((resolve, reject) => {
      socket.on('message', (data: Buffer) => resolve(data.toString()));
      socket.on('error', reject);
    });
    socket.on('open', () => socket.send('hello'));
    expect(await heard).toBe('hello');
    socket.terminate();
    server.close();
  });

  test('figures and log lines come in the originals’ form', async () => {
    router = await startRouter({ dataplane: 'nginx' });
    await app('one');
    await get();
    await ask(router.port, { host: 'unknown.test' });
    await waitFor(() => router.varz('requests') === 2);
    expect(router.varz('responses_2xx')).toBe(1);
    expect(router.varz('responses_4xx')).toBe(1);
    expect(await router.metrics.metrics()).toMatch(/router_errors_total\{error="unknown_route"\} 1/);
    const log = await waitFor(async () => {
      const lines = (await router.accessLog()).trim().split('\n');
      return lines.length === 2 && lines;
    });
    expect(log[0]).toMatch(
      /^shop\.test - \[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z\] "GET \/ HTTP\/1\.1" 200 0 3 "-" "-" "127\.0\.0\.1:\d+" "127\.0\.0\.1:\d+" x_forwarded_for:"-" x_forwarded_proto:"-" vcap_request_id:"[\da-f]{32}" response_time:\d+\.\d{6} gorouter_time:- app_id:"guid" app_index:"-" instance_id:"one" x_cf_routererror:"-"$/,
    );
    expect(log[1]).toMatch(/ 404 .* app_id:"-" .* x_cf_routererror:"unknown_route"$/);
  });

  test('nginx that is killed comes back, on the same port and with the routes', async () => {
    router = await startRouter({ dataplane: 'nginx' });
    await app('one');
    expect(await get()).toBe('one');
    const master = Number(readFileSync(`${router.directory}/nginx/nginx.pid`, 'utf8'));
    const workers = spawnSync('pgrep', ['-P', String(master)])
      .stdout.toString()
      .trim()
      .split('\n');
    for (const pid of [master, ...workers.map(Number)]) process.kill(pid, 'SIGKILL');
    await waitFor(async () => (await get().catch(() => '')) === 'one');
  });

  test('draining: health first, then what runs is finished and nobody is let in', async () => {
    router = await startRouter({ dataplane: 'nginx', drain: { wait_seconds: 0.3, timeout_seconds: 20 } });
    let release = (): void => undefined;
    const backend = await app('slow', (q, response) => {
      if (q.url === '/slow') release = () => response.end('done');
      else response.end('quick');
    });
    const running = ask(router.port, { host, path: '/slow' });
    await waitFor(() => backend.requests.length === 1);
    const drained = router.drain();
    await waitFor(
      async () =>
        (await ask(router.port, { host, headers: { 'user-agent': 'HTTP-Monitor/1.1' } })).status === 503,
    );
    await waitFor(async () =>
      ask(router.port, { host }).then(
        () => false,
        () => true,
      ),
    );
    release();
    expect((await running).body).toBe('done');
    await drained;
  });
});
