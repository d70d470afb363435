import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { silentLogger } from '@vcap/component';
import { tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { request } from 'undici';
import { FileServer } from '../../src/files/file-server.ts';
import { listingLine, sizeText } from '../../src/files/listing.ts';
import { parseRange } from '../../src/files/range.ts';

let dir: TempDir;
let server: FileServer;
let knows = true;

beforeAll(async () => {
  dir = await tempDir('dea-files');
  const root = join(dir.path, 'i1');
  await mkdir(join(root, 'app/sub'), { recursive: true });
  await mkdir(join(root, 'logs'));
  await mkdir(join(root, 'tmp'));
  await mkdir(join(dir.path, 'i1-other'));
  await writeFile(join(dir.path, 'i1-other/secret'), 'secret');
  await writeFile(join(root, 'app/main.js'), '0123456789');
  await writeFile(join(root, 'app/a b%c'), 'odd');
  await writeFile(join(root, 'logs/stdout.log'), '');
  await writeFile(join(root, 'startup'), 'x');
  await symlink('/etc/passwd', join(root, 'app/passwd'));
  await symlink('../../i1-other/secret', join(root, 'app/neighbour'));
  await symlink('/etc', join(root, 'app/etc'));
  await symlink('main.js', join(root, 'app/link'));
  execFileSync('mkfifo', [join(root, 'app/fifo')]);
  server = new FileServer({
    log: silentLogger,
    host: '127.0.0.1',
    port: 0,
    rootOf: (id) => (id === 'i1' ? root : undefined),
    logOf: () => undefined,
    deaId: () => 'dea-1',
    knowsInstances: () => knows,
    holds: (port, id) => port === 61_001 && id === 'secret-1',
  });
  await server.start();
});
afterAll(async () => {
  await server.stop();
  await dir.remove();
});

async function get(
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; range: unknown }> {
  const login = Buffer.from(server.credentials.join(':')).toString('base64');
  const response = await request(`${server.uri}/${path}`, {
    headers: { authorization: `Basic ${login}`, ...headers },
  });
  return {
    status: response.statusCode,
    text: await response.body.text(),
    range: response.headers['content-range'],
  };
}

describe('the file server', () => {
  test('lists a directory: names to 35 columns, sizes to 10', async () => {
    const { text } = await get('i1/app');
    expect(text.split('\n')).toContain(`${'main.js'.padEnd(35)}       10B`);
    expect(text.split('\n')).toContain(`${'sub/'.padEnd(35)}         -`);
  });

  test.each(['i1', 'i1/'])('shows only app and logs at the top (%s)', async (path) => {
    expect((await get(path)).text).toBe(listingLine('app/', '-') + listingLine('logs/', '-'));
  });

  test.each(['i1/app/main.js', 'i1//app/main.js', 'i1/%2Fapp%2Fmain.js', 'i1/app/link'])(
    'serves %s',
    async (path) => {
      expect(await get(path)).toMatchObject({ status: 200, text: '0123456789' });
    },
  );

  test('serves an empty file and one with an odd name', async () => {
    expect(await get('i1/logs/stdout.log')).toMatchObject({ status: 200, text: '' });
    expect(await get('i1/app/a%20b%25c')).toMatchObject({ status: 200, text: 'odd' });
  });

  test.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
  ])('answers Range %s with %i', async (range, status, text, contentRange) => {
    expect(await get('i1/app/main.js', { range })).toEqual({ status, text, range: contentRange });
  });

  test.each([
    'i1/app/passwd',
    'i1/app/neighbour',
    'i1/app/etc/passwd',
    'i1/app/etc',
    'i1/startup',
    'i1/app/fifo',
  ])('forbids %s', async (path) => {
    expect(await get(path)).toMatchObject({ status: 403, text: 'Forbidden.\n' });
  });

  test.each(['i1/..%2Fi1-other%2Fsecret', 'i1/app/..%2F..%2Fi1-other/secret', 'i1/%2e%2e%2fi1-other'])(
    'forbids a way up (%s)',
    async (path) => {
      expect((await get(path)).status).toBe(403);
    },
  );

  test.each(['i1/nothing', 'i2/app', 'i1/app/main.js/x', 'i1/app/%00'])('does not find %s', async (path) => {
    expect(await get(path)).toMatchObject({ status: 404, text: 'Entity not found.\n' });
  });

  test('wants its password', async () => {
    expect((await get('i1/app', { authorization: 'Basic eDp5' })).status).toBe(401);
  });
});

describe('who holds a port', () => {
  const ask = async (question: unknown): Promise<[number, string]> => {
    const response = await request(`http://127.0.0.1:${server.port}/held`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof question === 'string' ? question : JSON.stringify(question),
    });
    return [response.statusCode, await response.body.text()];
  };
  const instances = { 61001: 'secret-1', 61002: 'secret-1', 61003: '' };

  test('is told to those who know the ids', async () => {
    expect(await ask({ dea: 'dea-1', instances })).toEqual([200, '{"held":[61001]}']);
    expect(await ask({ dea: 'dea-1', instances: { 61001: 'secret-2' } })).toEqual([200, '{"held":[]}']);
  });

  test('is not answered for another DEA, nor before the instances are known, nor to what is no question', async () => {
    expect((await ask({ dea: 'dea-2', instances }))[0]).toBe(404);
    knows = false;
    expect((await ask({ dea: 'dea-1', instances }))[0]).toBe(503);
    knows = true;
    for (const bad of ['', '{', '[]', '{"dea":"dea-1"}', { dea: 'dea-1', instances: { x: 'y' } }])
      expect((await ask(bad))[0]).toBe(400);
  });
});

test('sizes have one decimal above a kilobyte', () => {
  expect([0, 1023, 1024, 1536, 5 * 1024 ** 3].map((bytes) => sizeText(bytes))).toEqual([
    '0B',
    '1023B',
    '1.0K',
    '1.5K',
    '5.0G',
  ]);
});

test.each([
  [undefined, 'all'],
  ['bytes=1-2,4-5', 'all'],
  ['bytes=5-1', 'all'],
  ['lines=1-2', 'all'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=0-999', { start: 0, end: 9 }],
])('Range %s of ten bytes is %j', (header, expected) => {
  expect(parseRange(header, 10)).toEqual(expected);
});
