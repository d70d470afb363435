import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';

const run = promisify(execFile);
const deploy = fileURLToPath(new URL('../../../deploy', import.meta.url));

let dir: TempDir;
beforeEach(async () => {
  dir = await tempDir('vcap-install');
});
afterEach(() => dir.remove());

const at = (...names: string[]): string => join(dir.path, ...names);
const read = (...names: string[]): string => readFileSync(at('root', ...names), 'utf8');
const mode = (...names: string[]): number => statSync(at('root', ...names)).mode & 0o777;
const write = (name: string, text: string): string => {
  writeFileSync(at(name), text, { mode: 0o600 });
  return at(name);
};

/** A release whose program only looks at its configuration: it takes what has a line `mbus: tls://` or `mbus: nats://`. */
async function release(version: string): Promise<string> {
  const from = at('release', 'router');
  mkdirSync(join(from, 'bin'), { recursive: true });
  mkdirSync(join(from, 'dist'), { recursive: true });
  writeFileSync(join(from, 'VERSION'), `${version}\n`);
  writeFileSync(join(from, 'dist', 'main.js'), '');
  const program = '#!/bin/sh\ngrep -q "^mbus: [a-z]*://" "$3" || { echo "$3 is not valid" >&2; exit 1; }\n';
  writeFileSync(join(from, 'bin', 'node'), program);
  chmodSync(join(from, 'bin', 'node'), 0o755);
  await run('tar', ['-C', at('release'), '-czf', at(`${version}.tar.gz`), 'router']);
  return at(`${version}.tar.gz`);
}

async function install(...args: string[]): Promise<{ status: number; output: string }> {
  try {
    const all = ['--role', 'router', '--root', at('root'), ...args];
    const { stdout, stderr } = await run(join(deploy, 'install'), all);
    return { status: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { status: code, output: stdout + stderr };
  }
}

test('a role is put below a directory with its files for TLS and its secrets, and its former version comes back', async () => {
  const files = ['--mbus-ca', write('ca', 'authority'), '--mbus-cert', write('cert', 'ours')];
  files.push('--mbus-key', write('key', 'private'), '--file', write('a-secret', 'secret'));
  const first = await install('--from', await release('one'), '--mbus', 'tls://router:p&s|w@h:1', ...files);
  expect(first).toMatchObject({ status: 0, output: expect.stringContaining('start it with: ') });
  const config = read('etc/vcap/router.yml');
  expect(config).toMatch(/^mbus: tls:\/\/router:p&s\|w@h:1$/m);
  expect(config).toMatch(
    /^mbus_tls: { ca_file: \/etc\/vcap\/bus-ca.pem, cert_file: \/etc\/vcap\/bus-cert.pem, key_file: \/etc\/vcap\/bus-key.pem }$/m,
  );
  expect(readdirSync(at('root/etc/vcap')).sort()).toEqual([
    'a-secret',
    'bus-ca.pem',
    'bus-cert.pem',
    'bus-key.pem',
    'router.yml',
  ]);
  for (const name of readdirSync(at('root/etc/vcap'))) expect(mode('etc/vcap', name)).toBe(0o640);
  expect(read('etc/vcap/a-secret')).toBe('secret');
  expect(read('etc/systemd/system/vcap-router.service')).toContain('--config /etc/vcap/router.yml');

  // The configuration stays, files are replaced.
  writeFileSync(at('a-secret'), 'another');
  const second = await install('--from', await release('two'), '--mbus', 'nats://other', ...files);
  expect(second).toMatchObject({ status: 0, output: expect.stringContaining('was there and is kept') });
  expect(read('etc/vcap/router.yml')).toBe(config);
  expect(read('etc/vcap/a-secret')).toBe('another');
  expect(read('opt/vcap/router/VERSION')).toBe('two\n');
  await run(join(deploy, 'rollback'), ['router', at('root')]);
  expect(read('opt/vcap/router/VERSION')).toBe('one\n');
});

test('what cannot work is said, and leaves no configuration behind', async () => {
  const from = ['--from', await release('one')];
  const bad = await install(...from, '--config', write('bad.yml', 'mbus: nowhere\n'));
  expect(bad).toMatchObject({ status: 1, output: expect.stringContaining('is not valid') });
  expect(await install(...from, '--mbus-cert', write('cert', 'x'))).toMatchObject({
    status: 1,
    output: expect.stringContaining('go together'),
  });
  expect(await install(...from, '--file', at('none'))).toMatchObject({
    status: 1,
    output: expect.stringContaining('there is no file'),
  });
  expect(await install(...from, '--mbus')).toMatchObject({ status: 2 });
  expect(readdirSync(at('root/etc/vcap'))).toEqual([]);
  expect(await install(...from, '--mbus', 'nats://h:1')).toMatchObject({ status: 0 });
  const later = await install(...from, '--mbus-ca', write('ca', 'authority'));
  expect(later.output).toMatch(/needs this line.*\nmbus_tls: { ca_file: \/etc\/vcap\/bus-ca.pem }/);
});
