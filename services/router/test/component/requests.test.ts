import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { Agent, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { ask, raw } from '../support/client.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { Registering, RouterUnderTest } from '../support/router-under-test.ts';

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

async function app(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  more: Partial<Registering> = {},
): Promise<Backend> {
  const backend = await startBackend(handler);
  backends.push(backend);
  await router.register({ port: backend.port, uris: ['shop.test'], app: 'guid', ...more });
  return backend;
}

describe('headers to the backend', () => {
  test('tell who asked, for whom, when, and which instance was meant', async () => {
    const backend = await app((_q, response) => response.end(), { private_instance_id: 'p1' });
    const answer = await ask(router.port, {
      host: 'Shop.Test:8081',
      path: '//a%2Fb?x=1&y=%zz',
      headers: {
        'X-Forwarded-For': '192.0.2.9',
        'X-Vcap-Request-Id': 'mine',
        'X-CF-ApplicationID': 'forged',
        'X-CF-InstanceID': 'forged',
        'X-CF-App-Instance': 'guid:0',
      },
    });
    const { headers, url } = backend.requests[0]!;
    expect(url).toBe('//a%2Fb?x=1&y=%zz');
    expect(headers).toMatchObject({
      host: 'Shop.Test:8081',
      'x-forwarded-for': '192.0.2.9, 127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'Shop.Test:8081',
      'x-cf-applicationid': 'guid',
      'x-cf-instanceid': 'p1',
    });
    expect(headers['x-cf-app-instance']).toBeUndefined();
    expect(headers['x-request-start']).toMatch(/^\d{13}$/);
    expect(headers['x-vcap-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
    expect(answer.headers['x-vcap-request-id']).toBe(headers['x-vcap-request-id']);
  });
  test('keep what a front before the router said, and a valid traceparent', async () => {
    const backend = await app((_q, response) => response.end());
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const kept = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'front.test', 'x-request-start': '17' };
    await ask(router.port, { host: 'shop.test', headers: { ...kept, traceparent } });
    await ask(router.port, { host: 'shop.test', headers: { traceparent: 'nonsense' } });
    expect(backend.requests[0]!.headers).toMatchObject({ ...kept, traceparent });
    expect(backend.requests[1]!.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-/);
  });
  test('leave out what is for one hop only', async () => {
    const backend = await app((_q, response) => response.end());
    const hops = { Connection: 'keep-alive, X-Secret, Host', 'X-Secret': '1', TE: 'trailers' };
    await ask(router.port, {
      host: 'shop.test',
      headers: { ...hops, 'Keep-Alive': 'timeout=5', 'Proxy-Connection': 'keep-alive', 'X-Kept': '1' },
    });
    const { headers } = backend.requests[0]!;
    expect(headers.host).toBe('shop.test');
    expect(headers['x-kept']).toBe('1');
    for (const name of ['x-secret', 'te', 'keep-alive', 'proxy-connection']) {
      expect(headers[name]).toBeUndefined();
    }
  });
});

describe('answers', () => {
  test('pass with status, doubled headers and their case, without hop-by-hop headers', async () => {
    await app((_q, response) => {
      response.writeHead(207, 'Sundry', [
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'X-MiXed',
        'y',
        'X-Vcap-Request-Id',
        'own',
        'Proxy-Authenticate',
        'Basic',
      ]);
      response.end('body');
    });
    const answer = await ask(router.port, { host: 'shop.test' });
    expect(answer).toMatchObject({ status: 207, body: 'body' });
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(answer.rawHeaders).toContain('X-MiXed');
    expect(answer.headers['x-vcap-request-id']).toBe('own');
    expect(answer.headers['proxy-authenticate']).toBeUndefined();
  });
  test.each([
    ['HEAD', 200, '11'],
    ['GET', 304, undefined],
    ['GET', 204, undefined],
  ])('to %s with %d have no body and leave the connection usable', async (method, status, length) => {
    await app((_q, response) => {
      response.writeHead(status, length === undefined ? {} : { 'Content-Length': length });
      response.end();
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 2; i++) {
      const answer = await ask(router.port, { host: 'shop.test', method, agent });
      expect(answer).toMatchObject({ status, body: '' });
      expect(answer.headers['content-length']).toBe(length);
    }
    agent.destroy();
  });
  test('stream: a first chunk is here before the second is written', async () => {
    let goOn = (): void => undefined;
    await app((_q, response) => {
      response.write('first');
      goOn = () => response.end('second');
    });
    const body = await new Promise<string>((resolve, reject) => {
      request({ port: router.port, host: '127.0.0.1', headers: { host: 'shop.test' } }, (response) => {
        let got = '';
        response.on('data', (chunk: Buffer) => {
          if (got === '') goOn();
          got += chunk.toString();
        });
        response.on('end', () => resolve(got));
      })
        .on('error', reject)
        .end();
    });
    expect(body).toBe('firstsecond');
  });
  test('cut off by the backend are cut off for the client', async () => {
    await app((_q, response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('half');
      setImmediate(() => response.destroy());
    });
    await expect(ask(router.port, { host: 'shop.test' })).rejects.toThrow('aborted');
  });
  test('to HTTP/1.0 are closed, not chunked', async () => {
    await app((_q, response) => {
      response.write('a');
      response.end('b');
    });
    const text = await raw(router.port, 'GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n');
    expect(text).toMatch(/\r\n\r\nab$/);
    expect(text).not.toMatch(/chunked/i);
  });
});

describe('bodies', () => {
  test.each(['length', 'chunked'])('of 20 MB arrive whole both ways (%s)', async (how) => {
    await app((incoming, response) => incoming.pipe(response));
    const body = Buffer.alloc(20 * 1024 * 1024, 'x');
    const headers: Record<string, string> =
      how === 'length' ? { 'Content-Length': String(body.length) } : { 'Transfer-Encoding': 'chunked' };
    const answer = await ask(router.port, { host: 'shop.test', method: 'POST', headers, body });
    expect(answer.body.length).toBe(body.length);
  });
  test('that nobody reads stop the sender: the router does not hoard them', async () => {
    let release = (): void => undefined;
    await app((_q, response) => {
      response.on('drain', () => undefined);
      const chunk = Buffer.alloc(1024 * 1024);
      let sent = 0;
      const more = (): void => {
        while (sent < 300 && response.write(chunk)) sent += 1;
        if (sent < 300) response.once('drain', more);
        else response.end();
      };
      release = () => undefined;
      more();
    });
    const before = process.memoryUsage().rss;
    const response = await new Promise<IncomingMessage>((resolve) => {
      request(
        { port: router.port, host: '127.0.0.1', headers: { host: 'shop.test' }, agent: false },
        resolve,
      ).end();
    });
    release();
    let last = -1;
    await waitFor(() => {
      const bytes = response.socket.bytesRead;
      const still = bytes === last;
      last = bytes;
      return still;
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
    response.destroy();
  });
  test('wait for 100 Continue, which comes when a backend is there', async () => {
    await app((incoming, response) => incoming.pipe(response));
    const answer = await new Promise<string>((resolve, reject) => {
      const call = request({
        port: router.port,
        host: '127.0.0.1',
        method: 'PUT',
        headers: { host: 'shop.test', expect: '100-continue', 'content-length': 4 },
      });
      call.on('continue', () => call.end('body'));
      call.on('response', (response) => response.on('data', (chunk: Buffer) => resolve(chunk.toString())));
      call.on('error', reject);
      call.flushHeaders();
    });
    expect(answer).toBe('body');
  });
  test('may be answered early without the client hanging', async () => {
    await app((_q, response) => response.writeHead(413).end('too large'));
    const answer = await ask(router.port, {
      host: 'shop.test',
      method: 'POST',
      body: Buffer.alloc(5 * 1024 * 1024),
    });
    expect(answer).toMatchObject({ status: 413, body: 'too large' });
  });
  test('absent from a POST stay absent', async () => {
    const backend = await app((_q, response) => response.end());
    await raw(router.port, 'POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n');
    expect(backend.requests[0]!.headers['transfer-encoding']).toBeUndefined();
  });
});

test('connections to a backend are kept and used again', async () => {
  const backend = await app((_q, response) => response.end());
  for (let i = 0; i < 5; i++) await ask(router.port, { host: 'shop.test' });
  expect(backend.connections.length).toBe(1);
});

test('a running request counts as load: the next goes to the other instance', async () => {
  const held: ServerResponse[] = [];
  const slow = await app((_q, response) => void held.push(response));
  const first = ask(router.port, { host: 'shop.test' });
  await waitFor(() => held.length === 1);
  const quick = await app((_q, response) => response.end('quick'), { private_instance_id: 'other' });
  for (let i = 0; i < 4; i++) {
    expect((await ask(router.port, { host: 'shop.test' })).body).toBe('quick');
  }
  expect(slow.requests.length).toBe(1);
  expect(quick.requests.length).toBe(4);
  held[0]!.end('slow');
  expect((await first).body).toBe('slow');
});

describe('sessions', () => {
  const twoInstances = async (cookie: string): Promise<[Backend, Backend]> => {
    const answer =
      (name: string) =>
      (_q: IncomingMessage, response: ServerResponse): void =>
        void response.setHeader('Set-Cookie', cookie).end(name);
    return [
      await app(answer('a'), { private_instance_id: 'pa' }),
      await app(answer('b'), { private_instance_id: 'pb' }),
    ];
  };
  test('stick to the instance that began them, with the session cookie’s attributes', async () => {
    await twoInstances('JSESSIONID=1; Path=/x; Max-Age=60; Secure; SameSite=None; Partitioned');
    const first = await ask(router.port, { host: 'shop.test' });
    const sticky = first.headers['set-cookie']!.find((line) => line.startsWith('__VCAP_ID__='))!;
    expect(sticky).toBe(
      `__VCAP_ID__=p${first.body}; Path=/x; Max-Age=60; Secure; SameSite=None; Partitioned; HttpOnly`,
    );
    for (let i = 0; i < 5; i++) {
      const cookie = `JSESSIONID=1; __VCAP_ID__=p${first.body}`;
      expect((await ask(router.port, { host: 'shop.test', headers: { cookie } })).body).toBe(first.body);
    }
  });
  test('go to another instance when theirs is gone', async () => {
    const [first] = await twoInstances('JSESSIONID=1');
    await first.stop();
    const answer = await ask(router.port, { host: 'shop.test', headers: { cookie: '__VCAP_ID__=pa' } });
    expect(answer.body).toBe('b');
  });
  test('are not made of other cookies, nor against the backend’s own', async () => {
    await app(
      (incoming, response) => {
        response.setHeader(
          'Set-Cookie',
          incoming.url === '/own' ? ['JSESSIONID=1', '__VCAP_ID__=own'] : 'x=1',
        );
        response.end();
      },
      { private_instance_id: 'pa' },
    );
    expect((await ask(router.port, { host: 'shop.test' })).headers['set-cookie']).toEqual(['x=1']);
    const own = await ask(router.port, { host: 'shop.test', path: '/own' });
    expect(own.headers['set-cookie']).toEqual(['JSESSIONID=1', '__VCAP_ID__=own']);
  });
});

test('each request leaves one line in the access log, and its figures', async () => {
  await app((_q, response) => response.end('hello'), { tags: { component: 'dea-3' } });
  await ask(router.port, { host: 'shop.test', path: '/x', headers: { 'User-Agent': 'a"b', Referer: 'r' } });
  await ask(router.port, { host: 'nowhere.test' });
  const log = await waitFor(async () => {
    const text = await router.accessLog();
    return text.split('\n').length > 2 && text;
  });
  const [hit, miss] = log.split('\n');
  expect(hit).toMatch(
    /^shop\.test - \[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z\] "GET \/x HTTP\/1\.1" 200 0 5 "r" "a\\"b" "127\.0\.0\.1:\d+" "127\.0\.0\.1:\d+" x_forwarded_for:"[^"]*" x_forwarded_proto:"[^"]*" vcap_request_id:"[0-9a-f-]{36}" response_time:\d+\.\d{6} gorouter_time:\d+\.\d{6} app_id:"guid" /,
  );
  expect(miss).toMatch(/ 404 .*x_cf_routererror:"unknown_route"$/);
  expect(router.varz('requests')).toBe(2);
  expect(router.varz('responses_2xx')).toBe(1);
  expect(router.varz('responses_4xx')).toBe(1);
  expect(router.varz('urls')).toBe(1);
  expect(router.varz('droplets')).toBe(1);
  expect(JSON.stringify(router.varz('top10_app_requests'))).toContain('guid');
  expect(JSON.stringify(router.varz('tags'))).toContain('dea-3');
  expect(await router.metrics.metrics()).toMatch(/_bucket\{/);
});
