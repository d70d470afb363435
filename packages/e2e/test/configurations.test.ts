import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));
const files = ['deploy/config', 'deploy/docker/config'].flatMap((dir) =>
  readdirSync(join(root, dir)).map((name) => join(dir, name)),
);

test.each(files)('%s is what its component takes', async (file) => {
  const service = basename(file, '.yml');
  const program = join(root, 'services', service, 'dist', 'main.js');
  const { stdout } = await execute(process.execPath, [program, '--config', join(root, file), '--check'], {
    env: { PATH: process.env['PATH'] },
  });
  expect(stdout).toContain('is a valid configuration');
});
