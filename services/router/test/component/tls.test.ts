import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { rename } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { startBackend } from '../support/backend.ts';
import type { Backend } from '../support/backend.ts';
import { makePair } from '../support/certificate.ts';
import { raw } from '../support/client.ts';
import { nginxLacks } from '../support/nginx.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { RouterUnderTest } from '../support/router-under-test.ts';

const lacking = nginxLacks();
if (lacking !== undefined) process.stderr.write(`TLS of the nginx plane is not tried: ${lacking}.\n`);

describe.each(lacking === undefined ? ['node', 'nginx'] : ['node'])('TLS of the %s plane', (plane) => {
  let dir: TempDir;
  let router: RouterUnderTest;
  let backend: Backend;
  beforeEach(async () => {
    dir = await tempDir('router-tls');
    certify('default', 'default.test');
    certify('shop', 'shop.test');
    certify('wild', '*.wild.test');
    backend = await startBackend((incoming, response) => {
      response.setHeader('X-Kept', '1');
      if (incoming.url === '/big') response.end(Buffer.alloc(3_000_000, 'b'));
      else if (incoming.url === '/none') response.writeHead(204).end();
      else incoming.pipe(response);
    });
  });
  afterEach(async () => {
    await router.stop();
    await backend.stop();
    await dir.remove();
  });

  const certify = (name: string, host: string, into = name): void => makePair(dir.path, into, host);

  async function start(settings: Record<string, unknown> = {}): Promise<void> {
    router = await startRouter({ dataplane: plane, tls: { port: 0, certificates: dir.path }, ...settings });
    await router.register({ port: backend.port, uris: ['shop.test', '*.wild.test'] });
  }

  const open = (servername: string | undefined, ALPNProtocols: string[] = []): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const options = { port: router.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols };
      const socket = connectTls({ ...options, ...(servername === undefined ? {} : { servername }) }, () =>
        resolve(socket),
      );
      socket.once('error', reject);
    });
  const nameOf = (certificate: PeerCertificate): string => String(certificate.subject.CN);

  async function nameFor(host: string | undefined): Promise<string> {
    const socket = await open(host);
    const name = nameOf(socket.getPeerCertificate());
    socket.destroy();
    return name;
  }

  test('each host gets its certificate, the others the default', async () => {
    await start();
    expect(await nameFor('shop.test')).toBe('shop.test');
    expect(await nameFor('a.wild.test')).toBe('*.wild.test');
    // nginx takes a wildcard for any number of labels.
    if (plane === 'node') expect(await nameFor('a.b.wild.test')).toBe('default.test');
    expect(await nameFor('other.test')).toBe('default.test');
    expect(await nameFor(undefined)).toBe('default.test');
  });

  test('HTTP/1.1 over TLS says https to the application', async () => {
    await start();
    const socket = await open('shop.test');
    socket.write('GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(backend.requests[0]!.headers).toMatchObject({ 'x-forwarded-proto': 'https', host: 'shop.test' });
  });

  test('a new certificate is taken without dropping who is connected', async () => {
    await start();
    const before = await open('shop.test');
    certify('shop', 'shop.test', 'new');
    const serial = before.getPeerCertificate().serialNumber;
    await rename(join(dir.path, 'new.key'), join(dir.path, 'shop.key'));
    await rename(join(dir.path, 'new.crt'), join(dir.path, 'shop.crt'));
    await waitFor(
      async () => {
        const socket = await open('shop.test');
        const now = socket.getPeerCertificate().serialNumber;
        socket.destroy();
        return now !== serial;
      },
      { timeoutMs: 10_000 },
    );
    before.write('GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n');
    const [answer] = await new Promise<Buffer[]>((resolve) => {
      before.once('data', (chunk: Buffer) => resolve([chunk]));
    });
    expect(answer!.toString()).toMatch(/^HTTP\/1\.1 200 /);
    before.destroy();
  });

  function askHttp2(
    session: ClientHttp2Session,
    headers: OutgoingHttpHeaders,
    body?: Buffer,
  ): Promise<{ headers: IncomingHttpHeaders; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const stream = session.request(
        { ':authority': 'shop.test', ...headers },
        { endStream: body === undefined },
      );
      const chunks: Buffer[] = [];
      let head: IncomingHttpHeaders = {};
      stream.on('response', (each) => (head = each));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => resolve({ headers: head, body: Buffer.concat(chunks) }));
      stream.on('error', reject);
      if (body !== undefined) stream.end(body);
    });
  }

  test('HTTP/2: many requests at once, bodies both ways, answers without a body, errors of the router', async () => {
    await start();
    const session = connectHttp2(`https://127.0.0.1:${router.tlsPort}`, {
      rejectUnauthorized: false,
      servername: 'shop.test',
    });
    const all = await Promise.all(
      Array.from({ length: 50 }, (_each, i) =>
        askHttp2(session, { ':method': 'POST', ':path': `/${i}` }, Buffer.from(`body ${i}`)),
      ),
    );
    expect(all.map(({ body }) => body.toString())).toEqual(all.map((_each, i) => `body ${i}`));
    expect(all[0]!.headers).toMatchObject({ ':status': 200, 'x-kept': '1' });
    expect(all[0]!.headers['transfer-encoding']).toBeUndefined();
    const big = await askHttp2(session, { ':path': '/big' });
    expect(big.body.length).toBe(3_000_000);
    const upload = Buffer.alloc(2_000_000, 'u');
    const echoed = await askHttp2(
      session,
      { ':method': 'PUT', ':path': '/up', 'content-length': upload.length },
      upload,
    );
    expect(echoed.body.equals(upload)).toBe(true);
    expect((await askHttp2(session, { ':path': '/none' })).headers[':status']).toBe(204);
    expect((await askHttp2(session, { ':method': 'HEAD', ':path': '/' })).headers[':status']).toBe(200);
    const unknown = await askHttp2(session, { ':path': '/', ':authority': 'unknown.test' });
    expect(unknown.headers).toMatchObject({ ':status': 404, 'x-cf-routererror': 'unknown_route' });
    const { headers } = backend.requests[0]!;
    expect(headers).toMatchObject({
      host: 'shop.test',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '127.0.0.1',
    });
    session.close();
  });

  test('the Proxy Protocol tells where the visitor is, with and without TLS; without it nobody is let in', async () => {
    await start({ proxy_protocol: true });
    const header = 'PROXY TCP4 192.0.2.7 10.0.0.1 4711 80\r\n';
    const request = 'GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n';
    await waitFor(async () => / 200 /.test(await raw(router.port, header + request)));
    expect(backend.requests.at(-1)!.headers['x-forwarded-for']).toBe('192.0.2.7');
    await waitFor(async () => (await router.accessLog()).includes('"192.0.2.7:4711"'));
    expect(await raw(router.port, request).catch(() => '')).toBe('');
    const plain = connectTcp(router.tlsPort, '127.0.0.1');
    plain.write(header);
    const socket = connectTls({ socket: plain, servername: 'shop.test', rejectUnauthorized: false });
    socket.write(request);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(backend.requests.at(-1)!.headers).toMatchObject({
      'x-forwarded-for': '192.0.2.7',
      'x-forwarded-proto': 'https',
    });
  });

  test('a router without a usable certificate does not start', async () => {
    await start();
    await expect(startRouter({ tls: { port: 0, certificates: '/nowhere' } })).rejects.toThrow(/nowhere/);
  });
});
