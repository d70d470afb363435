import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { folder } from './support/temp.ts';

const run = promisify(execFile);
const bin = fileURLToPath(new URL('../bin/vmc', import.meta.url));

test('the script runs through relative and absolute links, with HOME of its caller', async () => {
  const home = await folder();
  await mkdir(join(home, 'bin'));
  await symlink(bin, join(home, 'bin/vmc'));
  await symlink('bin/vmc', join(home, 'link'));
  const { stdout } = await run(join(home, 'link'), ['target', '--json'], {
    env: { ...process.env, HOME: home, VMC_TARGET: '' },
  });
  expect(JSON.parse(stdout)).toEqual({ target: 'http://api.vcap.localhost:8080' });
  await expect(run(bin, ['nope'], { env: { ...process.env, HOME: home } })).rejects.toMatchObject({
    code: 2,
  });
});

test.each(['bash', 'zsh'])('completion for %s names commands and flags', async (shell) => {
  const { stdout } = await run(bin, ['completion', shell]);
  expect(stdout).toContain('create-service');
  expect(stdout).toContain('--no-start');
});

test('the completion for bash works in bash', async () => {
  const script = `source <("${bin}" completion bash); COMP_WORDS=(vmc pus); COMP_CWORD=1; _vmc; echo "\${COMPREPLY[*]}"`;
  expect((await run('bash', ['-c', script])).stdout).toBe('push\n');
});
