import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
import { tempDir } from '@vcap/testkit';
import { packageFile } from '../src/index.ts';

test('a file of a package is found from its sources and from its bundled program', async () => {
  const dir = await tempDir('package-file');
  try {
    for (const folder of ['src/a/b', 'dist']) await mkdir(join(dir.path, folder), { recursive: true });
    await writeFile(join(dir.path, 'package.json'), '{}');
    for (const module of ['src/a/b/c.ts', 'src/main.ts', 'dist/main.js'])
      expect(packageFile(pathToFileURL(join(dir.path, module)).href, 'assets/x')).toBe(
        join(dir.path, 'assets/x'),
      );
  } finally {
    await dir.remove();
  }
});
