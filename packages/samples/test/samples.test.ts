import { access, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { tempDir } from '@vcap/testkit';
import { parse } from 'yaml';
import { makeBigApp, sampleNames, samplePath } from '../src/index.ts';

describe('samples', () => {
  test('the list names every directory of apps/', async () => {
    const names = await readdir(join(samplePath('rack'), '..'));
    expect(names.sort()).toEqual([...sampleNames]);
  });

  test.each(sampleNames)('%s has a manifest with its own name, a framework and memory', async (name) => {
    const manifest: unknown = parse(await readFile(join(samplePath(name), 'manifest.yml'), 'utf8'));
    const entry = { name, framework: expect.any(String), mem: expect.any(String) };
    expect(manifest).toEqual({ applications: [expect.objectContaining(entry)] });
  });

  test.each(['node-express', 'visits', 'websocket-chat'] as const)(
    '%s locks by integrity and names no registry',
    async (name) => {
      const lock = await readFile(join(samplePath(name), 'package-lock.json'), 'utf8');
      expect(lock).toContain('"integrity": "sha512-');
      expect(lock).not.toContain('"resolved"');
    },
  );
});

describe('makeBigApp', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  beforeEach(async () => {
    dir = await tempDir('big-app');
  });
  afterEach(() => dir.remove());

  test('makes the asked number of files and bytes, the same each time', async () => {
    const sums = [];
    for (const name of ['one', 'two']) {
      const app = join(dir.path, name);
      await makeBigApp(app, { files: 203, bytes: 100_001 });
      await access(join(app, 'server.js'));
      const names = (await readdir(join(app, 'data'), { recursive: true })).filter((each) =>
        each.endsWith('.bin'),
      );
      expect(names).toHaveLength(203);
      const sizes = await Promise.all(names.map(async (each) => (await stat(join(app, 'data', each))).size));
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100_001);
      sums.push(await readFile(join(app, 'data', names[7] ?? '')));
    }
    expect(sums[0]).toEqual(sums[1]);
  });
});
