import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { samplePath } from '@vcap/samples';
import { waitFor } from '@vcap/testkit';
import { components, isBack, kill, leftovers } from './support/faults.ts';
import { Platform } from './support/platform.ts';
import type { ProcessIdentity } from './support/processes.ts';
import { formHeaders, makeForm, makeZip } from './support/zip.ts';
import type { ZipEntry } from './support/zip.ts';

let platform: Platform;
let before: ProcessIdentity[];

beforeAll(async () => {
  platform = await Platform.create();
  await platform.start();
  await platform.login();
  await platform.ok('push', 'hello', '--path', samplePath('node-hello'), '-n');
  await platform.up('hello');
  before = [...(await components(platform)).values()];
}, 120_000);
afterAll(() => platform.remove(), 90_000);

const json = { 'content-type': 'application/json' };
/** Status and numeric code of an answer; the text of one that is no JSON. */
async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = json,
): Promise<[number, unknown]> {
  const sent =
    body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const answer = await platform.call(method, path, {
    headers,
    ...(sent === undefined ? {} : { body: sent }),
  });
  try {
    return [answer.status, (JSON.parse(answer.body) as { code?: number }).code];
  } catch {
    return [answer.status, answer.body.slice(0, 200)];
  }
}
const app = (more: Record<string, unknown>): Record<string, unknown> => ({
  name: 'fine',
  staging: { framework: 'node', runtime: null },
  instances: 1,
  resources: { memory: 64 },
  ...more,
});
const upload = (archive: Buffer | undefined, resources: unknown = []): Promise<[number, unknown]> =>
  ask('PUT', '/apps/hello/application', makeForm(archive, resources), formHeaders);

describe('bad input through the router', () => {
  test.each([
    ['JSON that ends early', '{"name":', 100],
    ['no JSON at all', 'name=fine', 100],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 100],
    ['a list', '[]', 300],
    ['null', 'null', 100],
    ['a deep nest', '['.repeat(100_000), 100],
    ['11 MB', JSON.stringify(app({ env: ['A='.padEnd(11_000_000, 'x')] })), 100],
    ['nothing', '', 300],
  ])('a new application described by %s is refused', async (_what, body, code) => {
    expect(await ask('POST', '/apps', body)).toEqual([400, code]);
  });

  test.each([
    'two\nlines',
    'q"uote',
    "q'uote",
    '..',
    '../../etc',
    'a/b',
    '',
    'nul\0',
    'x'.repeat(300),
    'grüße',
    '$(id)',
    7,
  ])('an application named %j is refused', async (name) => {
    expect(await ask('POST', '/apps', app({ name }))).toEqual([400, 300]);
    const path = encodeURIComponent(String(name));
    if (path !== '' && path !== '..') expect(await ask('GET', `/apps/${path}`)).toEqual([404, 301]);
  });

  test.each([
    ['two words.e2e.localhost', 400, 700],
    ['new\r\nline: x.e2e.localhost', 400, 700],
    ['*.e2e.localhost', 400, 700],
    ['nodots', 400, 700],
    ['', 400, 700],
    [`${'x'.repeat(70)}.e2e.localhost`, 400, 700],
    ['api.e2e.localhost', 400, 701],
  ])('the URI %j is refused', async (uri, status, code) => {
    expect(await ask('POST', '/apps', app({ uris: [uri] }))).toEqual([status, code]);
  });

  test('a foreign URI, and one of somebody else, are refused to a user who is no administrator', async () => {
    const email = 'user@example.com';
    expect((await ask('POST', '/users', { email, password: 'a-long-password' }))[0]).toBe(204);
    const { body } = await platform.call('POST', `/users/${email}/tokens`, {
      headers: json,
      body: JSON.stringify({ password: 'a-long-password' }),
    });
    const { token } = JSON.parse(body) as { token: string };
    for (const [uri, status, code] of [
      ['www.example.com', 403, 702],
      ['hello.e2e.localhost', 400, 701],
    ]) {
      const sent = JSON.stringify(app({ uris: [uri] }));
      const answer = await platform.call('POST', '/apps', { headers: json, token, body: sent });
      expect([answer.status, (JSON.parse(answer.body) as { code: number }).code]).toEqual([status, code]);
    }
    const foreign = await platform.call('GET', '/apps/hello', { token });
    expect(foreign.status).toBe(404);
  });

  test.each([
    ['instances', { instances: -1 }, 400, 300],
    ['more instances than memory', { state: 'STARTED', instances: 9999 }, 403, 600],
    ['memory', { resources: { memory: 'lots' } }, 400, 300],
    ['a framework', { staging: { framework: 'cobol' } }, 400, 300],
    ['a runtime', { staging: { framework: 'node', runtime: 'node99' } }, 400, 300],
    ['an environment', { env: ['no equals sign'] }, 400, 300],
    ['a reserved variable', { env: ['VCAP_SERVICES={}'] }, 403, 200],
    ['a state', { state: 'DANCING' }, 400, 300],
  ])('wrong %s: refused, and the application is unchanged', async (_what, wrong, status, code) => {
    expect(await ask('PUT', '/apps/hello', app({ name: 'hello', ...wrong }))).toEqual([status, code]);
    const { body } = await platform.call('GET', '/apps/hello');
    expect(JSON.parse(body)).toMatchObject({ instances: 1, state: 'STARTED' });
  });

  test('paths that would lead out of an instance, and ones that are no paths', async () => {
    for (const path of ['..%2f..%2f..%2fetc%2fpasswd', '%2e%2e/%2e%2e/etc/passwd', 'app%00', 'no-such-file'])
      expect([path, await ask('GET', `/apps/hello/instances/0/files/${path}`)]).toEqual([path, [404, 303]]);
    expect(await ask('GET', '/apps/hello/instances/7/files')).toEqual([400, 304]);
    expect(await ask('GET', '/apps/%ZZ')).toEqual([400, 100]);
    expect(await ask('GET', '/apps/hello/staging/log?offset=-1')).toEqual([400, 100]);
    expect(await ask('GET', '/no/such/thing')).toEqual([404, 303]);
  });

  test('10,000 resources are looked up, and refused as an upload of files that nobody has', async () => {
    const list = Array.from({ length: 10_000 }, (_, index) => ({
      fn: `data/${index}`,
      size: 70_000,
      sha1: index.toString(16).padStart(40, '0'),
    }));
    const found = await platform.call('POST', '/resources', { headers: json, body: JSON.stringify(list) });
    expect([found.status, found.body]).toEqual([200, '[]']);
    expect(await ask('POST', '/resources', [{ fn: 'x', size: -1, sha1: 'nope' }])).toEqual([400, 100]);
    expect(await upload(undefined, list)).toEqual([500, 402]);
    expect(await upload(undefined, 'no json')).toEqual([400, 100]);
  });

  const whole = makeZip([{ name: 'server.js', content: '// '.padEnd(5000, 'x') }]);
  const zip = (...entries: ZipEntry[]): Buffer => makeZip(entries);
  test.each([
    ['a truncated archive', whole.subarray(0, whole.length - 40)],
    ['half an archive', whole.subarray(0, 2500)],
    ['no archive', Buffer.from('hello')],
    ['an entry that climbs out', zip({ name: '../../evil.js', content: 'x' })],
    ['an entry with an absolute path', zip({ name: '/etc/evil', content: 'x' })],
    ['an entry with a backslash', zip({ name: '..\\evil', content: 'x' })],
    ['an entry with NUL', zip({ name: 'a\0b', content: 'x' })],
    ['a link that leads out', zip({ name: 'link', content: '/etc/passwd', mode: 0o120777 })],
    [
      'a file behind a link',
      zip({ name: 'dir', content: '/tmp', mode: 0o120777 }, { name: 'dir/evil', content: 'x' }),
    ],
    ['a device', zip({ name: 'null', mode: 0o020666 })],
    ['an entry that lies about its size', zip({ name: 'a', content: 'x', statedSize: 5 })],
    ['the same name twice', zip({ name: 'a', content: '1' }, { name: 'a', content: '2' })],
    ['a file that is a folder too', zip({ name: 'a', content: '1' }, { name: 'a/b', content: '2' })],
  ])('an upload of %s is refused', async (_what, archive) => {
    expect(await upload(archive)).toEqual([500, 402]);
  });

  test('an upload that is no form is refused', async () => {
    expect(await ask('PUT', '/apps/hello/application', 'hello', { 'content-type': 'text/plain' })).toEqual([
      400, 100,
    ]);
    const [type] = Object.values(formHeaders);
    expect(await ask('PUT', '/apps/hello/application', '--wrong', { 'content-type': type ?? '' })).toEqual([
      400, 100,
    ]);
  });

  test('a client that goes away in the middle of an upload leaves nothing', async () => {
    await halfUpload();
    await waitFor(async () => (await leftovers(platform)).length > 0, { timeoutMs: 10_000 });
    leave?.();
    await waitFor(async () => (await leftovers(platform)).length === 0, { timeoutMs: 10_000 });
    expect(await ask('GET', '/apps/hello')).toEqual([200, undefined]);
  }, 30_000);

  test.each([
    ['no HTTP', '\x00\x01\x02 nonsense\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: hello.e2e.localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
      /^HTTP\/1\.1 400 /,
    ],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: hello.e2e.localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    [
      'an endless header',
      `GET / HTTP/1.1\r\nHost: hello.e2e.localhost\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
    ['an unknown host', 'GET / HTTP/1.1\r\nHost: ..%0a/\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 40[04] /],
  ])(
    'the router refuses %s',
    async (_what, bytes, answer) => {
      const socket = connect(platform.port, '127.0.0.1');
      const closed = new Promise((resolve) => socket.once('close', resolve));
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
      socket.on('error', () => undefined);
      socket.write(bytes, 'latin1');
      await closed;
      expect(text).toMatch(answer);
    },
    30_000,
  );

  test('has ended no process and left nothing on the disk', async () => {
    expect([...(await components(platform)).values()]).toEqual(before);
    await waitFor(async () => (await leftovers(platform)).length === 0, { timeoutMs: 10_000 });
    expect((await platform.up('hello')).status).toBe(200);
  }, 60_000);
});

test('an upload in the middle of which the cloud controller is killed leaves nothing', async () => {
  await halfUpload();
  await waitFor(async () => (await leftovers(platform)).length > 0, { timeoutMs: 10_000 });
  await isBack(platform, await kill(platform, 'cloud-controller-0'));
  await waitFor(async () => (await leftovers(platform)).length === 0, { timeoutMs: 20_000 });
  leave?.();
  await waitFor(async () => (await platform.call('GET', '/info')).status === 200, { timeoutMs: 20_000 });
  await platform.ok('update', 'hello', '--path', samplePath('node-hello'), '-n');
  expect((await platform.up('hello')).status).toBe(200);
}, 90_000);

let leave: (() => void) | undefined;
/** Begins an upload and sends half of it; `leave` closes the connection. */
async function halfUpload(): Promise<void> {
  const { body } = await platform.call('POST', '/users/admin@vcap.local/tokens', {
    headers: json,
    body: JSON.stringify({ password: platform.password() }),
  });
  const form = makeForm(makeZip([{ name: 'a', content: 'x'.repeat(500_000) }]), []);
  const call = request({
    host: '127.0.0.1',
    port: platform.port,
    method: 'PUT',
    path: '/apps/hello/application',
    headers: {
      ...formHeaders,
      host: `api.${platform.domain}`,
      authorization: (JSON.parse(body) as { token: string }).token,
      'content-length': form.length,
    },
  });
  call.on('error', () => undefined);
  call.write(form.subarray(0, form.length / 2));
  leave = () => call.destroy();
}
