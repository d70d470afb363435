import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { tempDir } from '@vcap/testkit';
import { egressTo } from '../src/container/own-egress.ts';
import { findToolchain } from '../src/container/toolchain.ts';

let dir: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  dir = await tempDir('setting');
});
afterEach(() => dir.remove());

const program = async (path: string): Promise<void> => {
  await mkdir(dirname(join(dir.path, path)), { recursive: true });
  await writeFile(join(dir.path, path), '');
  await chmod(join(dir.path, path), 0o755);
};
const find = (...dirs: string[]) => findToolchain([...dirs, '/usr/bin', 'relative'].join(':'), '/bin/sh');

test('commands find installations outside of the userland, which they then see', async () => {
  await program('node-24/bin/npm');
  await mkdir(join(dir.path, 'node-24/lib'));
  const bin = join(dir.path, 'node-24/bin');
  const tools = await find(bin);
  expect(tools.readOnlyPaths).toEqual([join(dir.path, 'node-24')]);
  expect(tools.path.split(':')).toContain(bin);
  expect(tools.path).toContain('/usr/bin');
  expect(tools.path).not.toContain('relative');
});

test('shims, directories without programs of ours, and links to what is no installation stay unseen', async () => {
  await program('shims/python3');
  await program('others/bin/vim');
  await mkdir(join(dir.path, 'others/lib'));
  await program('private/ruby');
  await mkdir(join(dir.path, 'venv/bin'), { recursive: true });
  await mkdir(join(dir.path, 'venv/lib'));
  await symlink('../../private/ruby', join(dir.path, 'venv/bin/ruby'));
  const dirs = ['shims', 'others/bin', 'venv/bin'].map((name) => join(dir.path, name));
  const tools = await find(...dirs);
  expect(tools.readOnlyPaths).toEqual([]);
  for (const path of dirs) expect(tools.path).not.toContain(path);
});

test('proxies and registries of the operator are reached, whatever else the variables hold', async () => {
  const rules = await egressTo({
    http_proxy: 'http://user:secret@10.1.2.3:3128',
    PIP_INDEX_URL: 'https://10.1.2.4/simple',
    PIP_EXTRA_INDEX_URL: 'http://10.1.2.4/a http://10.1.2.4/b',
    npm_config_registry: 'http://no-such-host.invalid/',
    PIP_FIND_LINKS: '/opt/wheels',
    LANG: 'C.UTF-8',
  });
  expect(rules).toEqual([
    { protocol: 'tcp', destination: '10.1.2.3', ports: '3128' },
    { protocol: 'tcp', destination: '10.1.2.4', ports: '443' },
    { protocol: 'tcp', destination: '10.1.2.4', ports: '80' },
  ]);
});
