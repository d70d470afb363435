import { expect, test } from '@jest/globals';
import { silentLogger } from '@vcap/component';
import { applicationPath, findRuntimes } from '../../src/runtimes/runtimes.ts';

const node = { executable: process.execPath, version_flag: '--version' };

test('only runtimes that are there and have the right version are found', async () => {
  const found = await findRuntimes(
    {
      node: { ...node, version: String.raw`v(\d+\.\d+)` },
      old: { ...node, version: 'v0\\.4' },
      missing: { executable: 'no-such-program', version_flag: '-v', version: '.' },
    },
    silentLogger,
  );
  const version = /^v(\d+\.\d+)/.exec(process.version)?.[1];
  expect(found).toMatchObject([{ name: 'node', version, description: `node ${version}` }]);
  expect(applicationPath(found)).toMatch(/^\/.*:\/usr\/local\/bin:\/usr\/bin:\/bin$/);
});
