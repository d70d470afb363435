import { readdir, stat, lstat, readFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { tempDir } from '@vcap/testkit';
import { assertLinkStaysInside } from '../src/archive/links.ts';
import { outOfDisk } from '../src/container/limit-error.ts';
import { unzip } from '../src/archive/unzip.ts';
import { zipEntries } from './support/zips.ts';
import type { ZipEntry } from './support/zips.ts';

const LINK = 0o120777;
const LIMITS = { maxBytes: 1000, maxEntries: 5, full: () => outOfDisk(1) };

describe('unzip', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  beforeEach(async () => {
    dir = await tempDir('unzip');
    await mkdir(join(dir.path, 'outer', 'app'), { recursive: true });
  });
  afterEach(() => dir.remove());

  const unpack = async (entries: readonly ZipEntry[]) => {
    const zip = join(dir.path, 'app.zip');
    await zipEntries(zip, entries);
    return unzip(zip, join(dir.path, 'outer', 'app'), LIMITS, new AbortController().signal);
  };
  const error = async (entries: readonly ZipEntry[]) =>
    unpack(entries).then(
      () => 'no error',
      (thrown: Error & { type?: string }) => `${thrown.type}: ${thrown.message}`,
    );

  test.each(['../evil', '/tmp/evil', 'a/../../evil', String.raw`..\evil`, 'C:/evil', '..'])(
    'refuses the name %s and writes nothing outside',
    async (name) => {
      expect(await error([{ name, text: 'x' }])).toMatch(/^BadArchive: /);
      expect(await readdir(join(dir.path, 'outer'))).toEqual(['app']);
    },
  );

  test.each([
    ['an absolute link', [{ name: 'l', text: '/etc/passwd', mode: LINK }]],
    ['a link upwards', [{ name: 'a/l', text: '../../x', mode: LINK }]],
    [
      'links that leave together',
      [
        { name: 'd/up', text: '..', mode: LINK },
        { name: 'l', text: 'd/up/../x', mode: LINK },
      ],
    ],
    [
      'a file below a link of the archive',
      [
        { name: 'here', text: '.', mode: LINK },
        { name: 'here/file', text: 'x' },
      ],
    ],
    [
      'the same name twice',
      [
        { name: 'aaa', text: '1' },
        { name: 'aaa', text: '2' },
      ],
    ],
    ['a device', [{ name: 'dev', text: '', mode: 0o020666 }]],
    ['a pipe', [{ name: 'fifo', text: '', mode: 0o010666 }]],
    ['too many bytes', [{ name: 'big', text: 'x'.repeat(1001) }]],
    ['too many entries', Array.from({ length: 6 }, (_, index) => ({ name: `f${index}${index}`, text: 'x' }))],
    ['nothing at all', []],
  ] as const)('refuses %s', async (_what, entries) => {
    expect(await error(entries)).toMatch(/^BadArchive: /);
  });

  test('a file that is no zip is named as such', async () => {
    const none = unzip(join(process.cwd(), 'package.json'), dir.path, LIMITS, new AbortController().signal);
    await expect(none).rejects.toMatchObject({ type: 'BadArchive' });
  });

  test('keeps modes without set-id bits, makes links inside the tree, also dangling ones', async () => {
    const result = await unpack([
      { name: 'bin/run', text: '#!', mode: 0o104755 },
      { name: 'plain', text: 'p', mode: 0o100640 },
      { name: 'ro', text: 'p', mode: 0o100444 },
      { name: 'bin/l', text: '../plain', mode: LINK },
      { name: 'gone', text: 'nowhere', mode: LINK },
    ]);
    expect(result.files).toBe(3);
    const app = join(dir.path, 'outer', 'app');
    expect((await stat(join(app, 'bin/run'))).mode & 0o7777).toBe(0o755);
    expect((await stat(join(app, 'plain'))).mode & 0o7777).toBe(0o640);
    expect((await stat(join(app, 'ro'))).mode & 0o7777).toBe(0o644);
    expect(await readFile(join(app, 'bin/l'), 'utf8')).toBe('p');
    expect((await lstat(join(app, 'gone'))).isSymbolicLink()).toBe(true);
  });
});

describe('assertLinkStaysInside', () => {
  test.each([
    ['a', 'b', true],
    ['a/b', '..', true],
    ['a/b', '../..', false],
    ['a', '..', false],
    ['a', './x/../y', true],
    ['a', 'x/../../y', false],
    ['a', '', false],
    ['a', 'loop', true],
    ['a', 'up/../secret', false],
    ['a', 'deep/link/../../x', false],
  ])('%s -> %s: %s', (path, target, inside) => {
    const links = new Map([
      ['loop', 'loop'],
      ['deep/up', '..'],
      ['deep/link', '.'],
      ['up', 'deep/up'],
      [path, target],
    ]);
    const check = (): void => assertLinkStaysInside(links, path, target);
    if (inside) expect(check).not.toThrow();
    else expect(check).toThrow(/leads out of|no valid target/);
  });
});
