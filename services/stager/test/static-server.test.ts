import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort, tempDir } from '@vcap/testkit';

const SERVER = fileURLToPath(new URL('../assets/static-server.mjs', import.meta.url));
let dir: Awaited<ReturnType<typeof tempDir>>;
let child: ChildProcess;
let port: number;

beforeAll(async () => {
  dir = await tempDir('static');
  const app = join(dir.path, 'app');
  await mkdir(join(app, 'sub dir'), { recursive: true });
  await writeFile(join(dir.path, 'secret'), 'secret');
  await writeFile(join(app, '.hidden'), 'hidden');
  await writeFile(join(app, 'index.html'), '<h1>top</h1>');
  await writeFile(join(app, 'sub dir', 'index.html'), '<h1>sub</h1>');
  await writeFile(join(app, 'a b.css'), 'b{}');
  await symlink('../secret', join(app, 'out'));
  port = await freePort();
  child = spawn(process.execPath, [SERVER], { cwd: app, env: { PORT: String(port) } });
  await once(child.stdout ?? child, 'data');
});
afterAll(async () => {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
  await dir.remove();
});

/** A request whose path is sent as it is. */
const get = async (path: string, method = 'GET', headers: Record<string, string> = {}) => {
  const sent = request({
    port,
    host: '127.0.0.1',
    path,
    method,
    headers: { connection: 'close', ...headers },
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, headers: response.headers, body };
};

test('serves index.html, types, HEAD and 304', async () => {
  const top = await get('/');
  expect(top).toMatchObject({ status: 200, body: '<h1>top</h1>' });
  expect(top.headers['content-type']).toBe('text/html; charset=utf-8');
  expect((await get('/a%20b.css?v=1')).headers['content-type']).toBe('text/css; charset=utf-8');
  const head = await get('/index.html', 'HEAD');
  expect(head).toMatchObject({ status: 200, body: '' });
  expect(head.headers['content-length']).toBe('12');
  expect((await get('/', 'GET', { 'if-none-match': String(top.headers.etag) })).status).toBe(304);
  expect(await get('/sub%20dir/')).toMatchObject({ status: 200, body: '<h1>sub</h1>' });
  expect((await get('/sub%20dir?q')).headers.location).toBe('/sub%20dir/?q');
});

test.each([
  '/../secret',
  '/%2e%2e/secret',
  '/..%2fsecret',
  '/out',
  '/.hidden',
  '/nothing',
  '/%00',
  '/%zz',
  '/index.html/',
])('%s is not found', async (path) => {
  const answer = await get(path);
  expect(answer.status).toBe(404);
  expect(answer.body).not.toContain('secret');
});

test('other methods are refused, and a double slash redirects nowhere else', async () => {
  expect((await get('/', 'POST')).status).toBe(405);
  expect((await get('//sub%20dir')).headers.location ?? '/').toMatch(/^\/(?!\/)/);
});
