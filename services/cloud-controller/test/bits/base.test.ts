import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { appRecord } from '../instances/support/app-record.ts';
import { sha1, startBitsServer } from './support/bits-server.ts';
import type { BitsServer } from './support/bits-server.ts';
import { rawZip } from './support/raw-zip.ts';

let server: BitsServer;
let first: string;
beforeEach(async () => {
  server = await startBitsServer();
  const zip = rawZip([
    { name: 'same', content: 'as before', mode: 0o100755 },
    { name: 'dir/old', content: 'one' },
    { name: 'gone', content: 'two' },
  ]);
  first = (await server.upload({ zip })).sha1 ?? '';
});
afterEach(async () => {
  await server.verifyClean();
  await server.close();
});

const filesOf = (packageHash: string | null): ReturnType<BitsServer['bits']['packageFiles']> =>
  server.bits.packageFiles(appRecord({ packageHash }));

test('a package tells its files, until there is another', async () => {
  expect(await filesOf(first)).toEqual({
    package: first,
    resources: [
      { fn: 'dir/old', sha1: sha1('one'), size: 3, mode: 0o644 },
      { fn: 'gone', sha1: sha1('two'), size: 3, mode: 0o644 },
      { fn: 'same', sha1: sha1('as before'), size: 9, mode: 0o755 },
    ],
  });
  expect(await filesOf(null)).toBeUndefined();
  const { sha1: second = '' } = await server.upload({ zip: rawZip([{ name: 'only', content: 'x' }]) });
  expect(await filesOf(first)).toBeUndefined();
  expect((await filesOf(second))?.resources).toHaveLength(1);
  await server.bits.deleteApp('app-1');
  expect(await filesOf(second)).toBeUndefined();
});

test('an update keeps what it does not name, and sends the rest', async () => {
  const base = { package: first, without: ['dir/old', 'gone'] };
  const zip = rawZip([{ name: 'dir/old', content: 'new' }]);
  const answer = await server.upload({ zip, base, packageHash: first });
  expect(answer.status).toBe(200);
  expect(await server.unpack()).toEqual({
    'dir/': { mode: 0o040755, content: '' },
    'dir/old': { mode: 0o100644, content: 'new' },
    same: { mode: 0o100755, content: 'as before' },
  });
  expect((await filesOf(answer.sha1 ?? ''))?.resources).toHaveLength(2);
});

test('an update that only takes files away needs no archive', async () => {
  const answer = await server.upload({ base: { package: first, without: ['gone'] }, packageHash: first });
  expect(answer.status).toBe(200);
  expect(Object.keys(await server.unpack())).toEqual(['dir/', 'dir/old', 'same']);
});

test('an update of another package, of another app, or of files that are gone is refused', async () => {
  const other = { package: 'a'.repeat(40), without: [] };
  const refused = { code: 402, description: expect.stringContaining('push again') as unknown };
  expect(await server.upload({ base: other, packageHash: first })).toMatchObject(refused);
  const mine = { package: first, without: [] };
  expect(await server.upload({ base: mine, app: 'app-2', packageHash: first })).toMatchObject(refused);
  expect(await server.upload({ base: mine, org: 'org-2', packageHash: first })).toMatchObject({ code: 402 });
});

test.each([['text'], [{}], [{ package: 'x', without: [] }], [{ package: 'a'.repeat(40), without: [1] }]])(
  'the base %j is a bad request',
  async (base) => {
    expect(await server.upload({ base, packageHash: first })).toMatchObject({ code: 100 });
  },
);
