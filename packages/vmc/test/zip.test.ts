import { chmod, mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { scanTree } from '../src/app/scan.ts';
import { writeZip } from '../src/app/zip.ts';
import { folder } from './support/temp.ts';
import { unzip } from './support/unzip.ts';

test('a zip keeps names with blanks and letters of any script, modes, links and empty folders', async () => {
  const root = await folder({ 'näme with blank/日本.txt': 'こんにちは', run: '#!/bin/sh' });
  await chmod(join(root, 'run'), 0o755);
  await mkdir(join(root, 'empty'));
  await symlink('run', join(root, 'link'));
  const file = join(await folder(), 'a.zip');
  await writeZip(root, await scanTree(root), file);
  const found = await unzip(await readFile(file));
  expect(Object.keys(found).sort()).toEqual(
    ['empty/', 'link', 'näme with blank/', 'näme with blank/日本.txt', 'run'].sort(),
  );
  expect(found['näme with blank/日本.txt']?.text).toBe('こんにちは');
  expect(found['run']?.mode).toBe(0o100755);
  expect(found['link']).toEqual({ mode: 0o120777, text: 'run' });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('nothing at all becomes a placeholder', async () => {
  const file = join(await folder(), 'a.zip');
  await writeZip(await folder(), [], file);
  expect(Object.keys(await unzip(await readFile(file)))).toEqual(['.__empty__']);
});

test('a file that goes away while packing is an error, not a hang', async () => {
  const root = await folder();
  const entry = { kind: 'file', path: 'gone', size: 1, mode: 0o644, mtime: new Date() } as const;
  await expect(writeZip(root, [entry], join(await folder(), 'a.zip'))).rejects.toThrow(/ENOENT/);
});
