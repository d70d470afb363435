import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { rawZip } from './support/raw-zip.ts';
import { sha1, some, startBitsServer } from './support/bits-server.ts';
import type { BitsServer } from './support/bits-server.ts';

let server: BitsServer;
beforeEach(async () => {
  server = await startBitsServer();
});
afterEach(async () => {
  await server.verifyClean();
  await server.close();
});

const resource = (
  fn: string,
  content: string,
  more: object = {},
): { fn: string; size: number; sha1: string } => ({
  fn,
  size: Buffer.byteLength(content),
  sha1: sha1(content),
  ...more,
});

test('an uploaded file wins over a known one of its path, but only where the known one is sound', async () => {
  expect((await server.upload({ zip: rawZip([{ name: 'f', content: 'old' }]) })).status).toBe(200);
  const zip = rawZip([{ name: 'f', content: 'new' }]);
  expect(await server.upload({ zip, resources: [resource('f', 'never seen')] })).toMatchObject({ code: 402 });
  expect((await server.unpack())['f']?.content).toBe('old');
  expect((await server.upload({ zip, resources: [resource('f', 'old')] })).status).toBe(200);
  expect((await server.unpack())['f']?.content).toBe('new');
});

test('a package holds the files with their modes, dot files, folders and links', async () => {
  const zip = rawZip([
    { name: '.hidden', content: 'dot' },
    { name: 'bin/run', content: '#!/bin/sh\n', mode: 0o100755, deflate: true },
    { name: 'plain', content: 'no mode', mode: 0 },
    { name: 'setuid', content: 's', mode: 0o104711 },
    { name: 'empty/', mode: 0o040700 },
    { name: 'lib/now', content: '../bin/run', mode: 0o120777 },
    { name: 'späße/日本.txt', content: 'ü' },
    { name: 'dos.txt', content: 'd', madeBy: 20, mode: 0o100777 },
    { name: './dotted', content: 'p' },
    { name: '.__empty__', content: '' },
  ]);
  const answer = await server.upload({ zip });
  expect(answer.status).toBe(200);
  const folder = { mode: 0o040755, content: '' };
  expect(await server.unpack()).toEqual({
    '.hidden': { mode: 0o100644, content: 'dot' },
    'bin/': folder,
    'bin/run': { mode: 0o100755, content: '#!/bin/sh\n' },
    plain: { mode: 0o100644, content: 'no mode' },
    setuid: { mode: 0o100711, content: 's' },
    'empty/': folder,
    'lib/': folder,
    'lib/now': { mode: 0o120777, content: '../bin/run' },
    'späße/': folder,
    'späße/日本.txt': { mode: 0o100644, content: 'ü' },
    'dos.txt': { mode: 0o100644, content: 'd' },
    dotted: { mode: 0o100644, content: 'p' },
  });
});

test('the same content gives the same sha1 in any order and from any source, and other content another', async () => {
  const a = { name: 'a/x', content: 'one', deflate: true };
  const b = { name: 'b', content: 'two' };
  const first = await server.upload({ zip: rawZip([a, b]) });
  const again = await server.upload({ zip: rawZip([b, { name: 'a/', mode: 0o40700 }, a]), app: 'app-2' });
  const pooled = await server.upload({
    resources: [resource('b', 'two'), resource('a/x', 'one')],
    app: 'app-3',
  });
  const other = await server.upload({ zip: rawZip([a, { ...b, content: 'TWO' }]), app: 'app-4' });
  expect(first.sha1).toMatch(/^[0-9a-f]{40}$/);
  expect([again.sha1, pooled.sha1]).toEqual([first.sha1, first.sha1]);
  expect(other.sha1).not.toBe(first.sha1);
});

test('many, empty and large files come out as they went in, the same from the pool', async () => {
  const files = Array.from({ length: some(400, 51) }, (_, at) => ({
    name: `d${at % 7}/f${at}`,
    content: at % 100 === 50 ? String(at).repeat(150_000) : at % 3 === 0 ? '' : `content ${at}`,
    deflate: true,
  }));
  const first = await server.upload({ zip: rawZip(files) });
  const unpacked = await server.unpack();
  for (const { name, content } of files) expect(unpacked[name]?.content === content).toBe(true);
  const resources = files.map(({ name, content }) => resource(name, content));
  expect(await server.upload({ resources, app: 'app-2' })).toEqual(first);
});

test('pooled files join the uploaded ones, with the mode that the client gives', async () => {
  await server.upload({ zip: rawZip([{ name: 'big', content: 'known' }]) });
  const resources = [
    resource('deep/er/copy', 'known', { mode: 0o755, extra: 1 }),
    resource('twice', 'known', { mode: '600' }),
  ];
  const answer = await server.upload({ zip: rawZip([{ name: 'new', content: 'fresh' }]), resources });
  expect(answer.status).toBe(200);
  const files = await server.unpack();
  expect(Object.keys(files)).toEqual(['deep/', 'deep/er/', 'deep/er/copy', 'new', 'twice']);
  expect(files['deep/er/copy']).toEqual({ mode: 0o100755, content: 'known' });
  expect(files['twice']).toEqual({ mode: 0o100600, content: 'known' });
});

test("another organization's files neither match nor can be taken by their hash", async () => {
  await server.upload({ zip: rawZip([{ name: 'secret', content: 'theirs' }]), org: 'org-a' });
  const wanted = resource('mine', 'theirs', { mode: 420, note: 'kept' });
  expect(await server.bits.match('org-a', [wanted])).toEqual([wanted]);
  expect(await server.bits.match('org-b', [wanted])).toEqual([]);
  const answer = await server.upload({ resources: [wanted], org: 'org-b', app: 'thief' });
  expect(answer).toMatchObject({ status: 500, code: 402, description: expect.stringContaining('"mine"') });
  expect(await server.bits.openPackage('thief')).toBeUndefined();
});

test('a known hash with another size neither matches nor is taken', async () => {
  await server.upload({ zip: rawZip([{ name: 'f', content: 'abc' }]) });
  const wrong = { ...resource('g', 'abc'), size: 4 };
  expect(await server.bits.match('org-1', [wrong, { ...wrong, sha1: 'nonsense' }])).toEqual([]);
  expect(await server.upload({ resources: [wrong] })).toMatchObject({ code: 402 });
});

test('a pooled file that was spoilt fails the upload, leaves the pool and can be sent anew', async () => {
  await server.upload({ zip: rawZip([{ name: 'f', content: 'abc' }]) });
  for (const { key } of await server.blobs.list('resources')) {
    await server.blobs.put(key, Readable.from(['xyz']));
  }
  const before = (await server.unpack())['f'];
  expect(await server.upload({ resources: [resource('f', 'abc')] })).toMatchObject({
    code: 402,
    description: expect.stringContaining('damaged'),
  });
  expect((await server.unpack())['f']).toEqual(before);
  expect(await server.bits.match('org-1', [resource('f', 'abc')])).toEqual([]);
  expect(await server.upload({ zip: rawZip([{ name: 'f', content: 'abc' }]) })).toMatchObject({
    status: 200,
  });
  expect(await server.bits.match('org-1', [resource('f', 'abc')])).toHaveLength(1);
});

test.each([
  ['not JSON', '{nope', 'JSON'],
  ['no list', '{}', 'resources'],
  ['no sha1', [{ fn: 'a', size: 1 }], 'sha1'],
  ['a short sha1', [{ fn: 'a', size: 1, sha1: 'abc' }], 'sha1'],
  ['half a byte', [{ fn: 'a', size: 1.5, sha1: sha1('') }], 'size'],
  ['less than nothing', [{ fn: 'a', size: -1, sha1: sha1('') }], 'size'],
  ['no name', [{ fn: '', size: 1, sha1: sha1('') }], 'fn'],
])('a resources field with %s is a bad request', async (_what, resources, word) => {
  const answer = await server.upload({ zip: rawZip([{ name: 'a' }]), resources });
  expect(answer).toMatchObject({ status: 400, code: 100, description: expect.stringContaining(word) });
});

test.each(['/etc/passwd', '../up', 'a/../../up', 'a/..', 'nul\0', 'back\\slash', 'C:/x', 'a//b', 'a/./b'])(
  'a resource called %j is refused',
  async (fn) => {
    await server.upload({ zip: rawZip([{ name: 'f', content: 'abc' }]) });
    expect(await server.upload({ resources: [resource(fn, 'abc')], app: 'evil' })).toMatchObject({
      code: 402,
    });
    expect(await server.bits.openPackage('evil')).toBeUndefined();
  },
);

test('a pooled file cannot lie below a link or take the place of a folder', async () => {
  await server.upload({ zip: rawZip([{ name: 'f', content: 'abc' }]) });
  const link = rawZip([{ name: 'l', content: '.', mode: 0o120777 }]);
  expect(await server.upload({ zip: link, resources: [resource('l/f', 'abc')] })).toMatchObject({
    code: 402,
  });
  const folder = rawZip([{ name: 'd/' }]);
  expect(await server.upload({ zip: folder, resources: [resource('d', 'abc')] })).toMatchObject({
    code: 402,
  });
});

test('nothing at all, a form without resources and no form are refused', async () => {
  expect(await server.upload({})).toMatchObject({ code: 402 });
  const post = async (init: RequestInit): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${server.port}/upload/o/a`, { method: 'POST', ...init })).json();
  const form = new FormData();
  form.set('application', new Blob(['x']), 'x.zip');
  expect(await post({ body: form })).toMatchObject({ code: 100 });
  form.set('application', 'just text');
  expect(await post({ body: form })).toMatchObject({ code: 100 });
  expect(await post({ body: '{}', headers: { 'content-type': 'application/json' } })).toMatchObject({
    code: 100,
  });
  expect(
    await post({ body: 'half', headers: { 'content-type': 'multipart/form-data; boundary=b' } }),
  ).toMatchObject({ code: 100 });
});

test('a new package takes the place of the old one, and a refused one does not', async () => {
  await server.upload({ zip: rawZip([{ name: 'v', content: '1' }]) });
  await server.upload({ zip: rawZip([{ name: 'v', content: '2' }]) });
  await server.upload({ zip: Buffer.from('rubbish') });
  expect((await server.unpack())['v']?.content).toBe('2');
});

test(`${some(10_000, 50)} resources are matched and packed`, async () => {
  const names = Array.from({ length: some(10_000, 50) }, (_, at) => `dir${at % 100}/file${at}`);
  const zip = rawZip(names.map((name) => ({ name, content: name })));
  expect(await server.upload({ zip })).toMatchObject({ status: 200 });
  const list = names.map((name) => resource(name, name));
  expect(await server.bits.match('org-1', [...list, resource('x', 'unknown')])).toEqual(list);
  expect(await server.upload({ resources: list, app: 'app-2' })).toMatchObject({ status: 200 });
  expect(Object.keys(await server.unpack('app-2'))).toHaveLength(some(10_100, 100));
}, 60_000);

test(`${some(5000, 20)} small files are taken`, async () => {
  const noise = randomBytes(10_000).toString('base64').slice(0, 10_000);
  const zip = rawZip(
    Array.from({ length: some(5000, 20) }, (_, at) => ({
      name: `d${at % 50}/f${at}`,
      content: `${at}${noise}${noise}`,
    })),
  );
  expect(await server.upload({ zip })).toMatchObject({ status: 200 });
}, 60_000);
