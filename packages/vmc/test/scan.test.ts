import { createHash } from 'node:crypto';
import { chmod, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { fingerprintFiles } from '../src/app/fingerprint.ts';
import { scanTree } from '../src/app/scan.ts';
import type { TreeEntry } from '../src/app/scan.ts';
import { folder } from './support/temp.ts';

const paths = (entries: TreeEntry[]) => entries.map((entry) => entry.path);

const sha1 = (text: string) => createHash('sha1').update(text).digest('hex');

describe('what is pushed', () => {
  test('leaves out version control, editor leavings and logs', async () => {
    const root = await folder({
      '.git/x': '',
      'sub/.git/x': '',
      'a.log': '',
      'a~': '',
      '#a#': '',
      'a.js': '',
      '.env': '',
    });
    expect(paths(await scanTree(root))).toEqual(['.env', 'a.js', 'sub']);
  });

  test.each(['.vmcignore', '.cfignore'])('obeys %s, with patterns as in .gitignore', async (file) => {
    const root = await folder({
      [file]: '*.tmp\n/build/\n!keep.log\n!.git\n# a comment\n',
      '.git/config': '',
      'x.tmp': '',
      'sub/y.tmp': '',
      'build/out': '',
      'sub/build/in': '',
      'keep.log': '',
    });
    expect(paths(await scanTree(root))).toEqual([file, 'keep.log', 'sub', 'sub/build', 'sub/build/in']);
  });

  test('leaves node_modules to the stager only where a lock file pins it', async () => {
    const files = { 'node_modules/x/i.js': '', 'sub/node_modules/y.js': '', 'server.js': '' };
    const locked = await folder({ ...files, 'package-lock.json': '{}' });
    expect(paths(await scanTree(locked, { framework: 'node' }))).not.toContain('node_modules');
    expect(paths(await scanTree(locked, { framework: 'node' }))).toContain('sub/node_modules/y.js');
    expect(paths(await scanTree(locked, { framework: 'static' }))).toContain('node_modules/x/i.js');
    expect(paths(await scanTree(await folder(files), { framework: 'node' }))).toContain(
      'node_modules/x/i.js',
    );
  });

  test('passes over sockets', async () => {
    const root = await folder({ a: '' });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, 's.sock'), resolve));
    expect(paths(await scanTree(root))).toEqual(['a']);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('links', () => {
  test('inside the tree are kept, absolute ones made relative, dangling ones too', async () => {
    const root = await folder({ 'dir/file': 'x' });
    await symlink('dir/file', join(root, 'one'));
    await symlink(join(root, 'dir/file'), join(root, 'dir', 'two'));
    await symlink('nowhere', join(root, 'three'));
    const links = (await scanTree(root)).filter((entry) => entry.kind === 'link');
    expect(links).toEqual([
      { kind: 'link', path: 'dir/two', target: 'file' },
      { kind: 'link', path: 'one', target: 'dir/file' },
      { kind: 'link', path: 'three', target: 'nowhere' },
    ]);
  });

  test.each(['../outside', '/etc/passwd', 'dir/../../x'])(
    'to %s are an error with their name',
    async (target) => {
      const root = await folder({ 'dir/file': 'x' });
      await symlink(target, join(root, 'dir', 'bad'));
      const inner = target.startsWith('/') ? target : `../${target}`;
      await symlink(inner, join(root, 'dir', 'worse'));
      await expect(scanTree(root)).rejects.toThrow(/'dir\/(bad|worse)'.*outside/);
    },
  );

  test('that leave through another link are seen', async () => {
    const outside = await folder({ secret: 'x' });
    const root = await folder({ 'a/b/c': 'x', '.vmcignore': '/hop\n' });
    await symlink(outside, join(root, 'hop'));
    await symlink('hop/secret', join(root, 'sly'));
    await expect(scanTree(root)).rejects.toThrow(/'sly'/);
  });
});

test('fingerprints have path, sha1, size and permissions, in order', async () => {
  const root = await folder({ 'a/ü x': 'hello', run: '#!/bin/sh' });
  await chmod(join(root, 'run'), 0o755);
  await chmod(join(root, 'a/ü x'), 0o644);
  const files = (await scanTree(root)).filter((entry) => entry.kind === 'file');
  expect(await fingerprintFiles(root, files, 2)).toEqual([
    { fn: 'a/ü x', sha1: sha1('hello'), size: 5, mode: 0o644 },
    { fn: 'run', sha1: sha1('#!/bin/sh'), size: 9, mode: 0o755 },
  ]);
});
