import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { rawZip } from './support/raw-zip.ts';
import type { RawEntry } from './support/raw-zip.ts';
import { sha1, startBitsServer } from './support/bits-server.ts';
import type { BitsServer } from './support/bits-server.ts';

const LIMIT = 1_000_000;
const link = (name: string, content: string): RawEntry => ({ name, content, mode: 0o120777 });
const honest: RawEntry = { name: 'honest', content: 'x'.repeat(1000), deflate: true };

let server: BitsServer;
beforeAll(async () => {
  server = await startBitsServer({ maxPackageBytes: LIMIT, maxEntries: 1000 });
});
afterEach(async () => {
  await server.verifyClean();
  if (await server.bits.openPackage('evil')) throw new Error('an evil package was stored');
});
afterAll(() => server.close());

async function expectRefused(zip: Buffer, text: string): Promise<void> {
  const answer = await server.upload({ zip, app: 'evil' });
  expect(answer).toMatchObject({ status: 500, code: 402, description: expect.stringContaining(text) });
}

describe('names', () => {
  test.each([
    ['/abs', 'absolute'],
    ['C:/x', 'absolute'],
    ['../up', '".."'],
    ['a/../../up', '".."'],
    ['a/..', '".."'],
    ['..', '".."'],
    ['..\\up', 'backslash'],
    ['a\\..\\..\\up', 'backslash'],
    ['a\0b', 'NUL'],
    ['a//b', 'empty word'],
    ['a/./b', '"."'],
    ['x'.repeat(256), 'too long'],
    [`${'d/'.repeat(200)}f`, 'too deep'],
    [`${`${'d'.repeat(200)}/`.repeat(12)}f`, 'too long'],
  ])('%j is refused', (name, text) => expectRefused(rawZip([honest, { name }]), text));

  test.each<[string, RawEntry[]]>([
    ['a file twice', [{ name: 'a' }, { name: 'a' }]],
    ['a file below a file', [{ name: 'a' }, { name: 'a/b' }]],
    ['a file above a file', [{ name: 'a/b' }, { name: 'a' }]],
    ['a folder in place of a file', [{ name: 'a' }, { name: 'a/' }]],
    ['a file in place of a folder', [{ name: 'a/' }, { name: 'a' }]],
  ])('%s is refused', (_what, entries) => expectRefused(rawZip(entries), '"a" is '));
});

describe('links', () => {
  test.each<[string, RawEntry[]]>([
    ['an absolute one', [link('l', '/etc/passwd')]],
    ['one that goes up', [link('l', '../outside')]],
    ['one that goes up and in again', [link('l', '../app/file')]],
    ['one deep down that goes up too far', [link('a/b/l', '../../../x')]],
    ['an empty one', [link('l', '')]],
    ['one with a NUL', [link('l', 'a\0b')]],
    ['one that goes up from where another led', [link('a/b/top', '../..'), link('out', 'a/b/top/../x')]],
    ['one through a chain', [link('a/b/c/m', '../..'), link('n', 'a/b/c/m'), link('o', 'n/../../x')]],
    ['a circle', [link('l', 'm'), link('m', 'l')]],
  ])('%s is refused', (_what, entries) => expectRefused(rawZip(entries), 'leaves the application'));

  test('nothing is written through one', async () => {
    await expectRefused(rawZip([link('l', '.'), { name: 'l/f', content: 'x' }]), '"l" is both');
    await expectRefused(rawZip([{ name: 'l/f', content: 'x' }, link('l', '.')]), '"l" is both');
  });

  test('a very long one is refused', () => expectRefused(rawZip([link('l', 'a/'.repeat(3000))]), 'too long'));

  test('those that stay inside are kept', async () => {
    const zip = rawZip([link('a/b/l', '../../f'), link('here', '.'), link('m', 'a/b/../b/l'), { name: 'f' }]);
    expect(await server.upload({ zip, app: 'good' })).toMatchObject({ status: 200 });
    expect((await server.unpack('good'))['m']).toEqual({ mode: 0o120777, content: 'a/b/../b/l' });
  });
});

describe('content', () => {
  const zeros = Buffer.alloc(LIMIT + 1);

  test('a bomb is refused at the limit', () =>
    expectRefused(rawZip([honest, { name: 'bomb', content: zeros, deflate: true }]), 'larger than 1.00MB'));

  test('many small files that are too much together are refused', () => {
    const part = Buffer.alloc(300_000);
    const parts = ['a', 'b', 'c', 'd'].map((name) => ({ name, content: part, deflate: true }));
    return expectRefused(rawZip(parts), 'larger than 1.00MB');
  });

  test('a bomb that claims to be small is refused', () =>
    expectRefused(rawZip([{ name: 'bomb', content: zeros, deflate: true, size: 100 }]), 'zip file'));

  test.each([
    ['a small file', 'abc', 1000],
    ['a large file', randomBytes(300_000), 400_000],
    ['a large file', randomBytes(300_000), 200_000],
    ['a large file', randomBytes(300_000), 100],
  ])('%s with another size than it claims is refused', (_what, content, size) =>
    expectRefused(rawZip([{ name: 'f', content, deflate: true, size }]), ''),
  );

  test('a size that no packing can reach is refused', () =>
    expectRefused(
      rawZip([{ name: 'f', content: 'abc', deflate: true, size: 900_000 }]),
      'cannot have the size',
    ));

  test('uploaded and pooled files count together', async () => {
    const content = 'y'.repeat(600_000);
    const zip = rawZip([{ name: 'f', content, deflate: true }]);
    expect(await server.upload({ zip, app: 'good' })).toMatchObject({ status: 200 });
    const known = { fn: 'g', size: content.length, sha1: sha1(content) };
    expect(await server.upload({ zip, resources: [known], app: 'evil' })).toMatchObject({ code: 402 });
  });

  test.each(['abc', randomBytes(300_000)])('a damaged file is refused', (content) =>
    expectRefused(rawZip([{ name: 'f', content, crc32: 1, deflate: true }]), 'damaged'),
  );

  test('an encrypted one is refused', () =>
    expectRefused(rawZip([{ name: 'f', content: 'abc', flags: 1, deflate: true }]), 'encrypted'));

  test('an unknown packing is refused', () =>
    expectRefused(rawZip([{ name: 'f', content: 'abc', method: 99 }]), 'packed in a way'));

  test.each([0o010644, 0o020644, 0o060644, 0o140644])('a special file (%p) is refused', (mode) =>
    expectRefused(rawZip([{ name: 'f', mode }]), 'neither file'),
  );

  test('too many entries are refused, folders counted', async () => {
    const many = Array.from({ length: 1001 }, (_, at) => ({ name: `f${at}` }));
    await expectRefused(rawZip(many), 'more than 1000');
    await expectRefused(
      rawZip(Array.from({ length: 501 }, (_, at) => ({ name: `d${at}/f` }))),
      'more than 1000',
    );
  });

  test('every truncation of an archive is refused', async () => {
    const whole = rawZip([honest, { name: 'g', content: 'abc' }]);
    for (let length = 0; length < whole.length; length += 7) {
      await expectRefused(whole.subarray(0, length), 'zip file');
    }
  });

  test('what is no archive is refused', () => expectRefused(Buffer.from('x'.repeat(5000)), 'zip file'));
});

test('a name that is no UTF-8 is read as the format says', async () => {
  const zip = rawZip([{ name: Buffer.from([0x66, 0x81]), content: 'x' }]);
  expect(await server.upload({ zip, app: 'good' })).toMatchObject({ status: 200 });
  expect(Object.keys(await server.unpack('good'))).toEqual(['fü']);
});
