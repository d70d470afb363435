import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { samplePath } from '@vcap/samples';
import { Platform } from './support/platform.ts';

const run = promisify(execFile);
const admin = fileURLToPath(new URL('../../admin/bin/vmc-admin', import.meta.url));
let platform: Platform;

beforeAll(async () => {
  platform = await Platform.create();
  await platform.start();
  await platform.login();
}, 120_000);
afterAll(async () => {
  await platform.remove();
}, 120_000);

test('a platform whose database and blobs are lost comes back from its backup', async () => {
  await platform.ok('push', 'kept', '--path', samplePath('node-hello'), '-n');
  await platform.up('kept');
  const file = join(platform.home, 'config', 'cloud-controller-0.yml');
  const dir = join(platform.home, 'backup');
  const env = { ...process.env, NODE_OPTIONS: '' };
  await run(admin, ['backup', dir, '--controller', file], { env });
  await platform.ok('delete', 'kept', '-n');
  await platform.stop();
  for (const lost of ['db', 'blobs']) rmSync(join(platform.home, lost), { recursive: true });
  await run(admin, ['restore', dir, '--controller', file], { env });

  await platform.start();
  await platform.login();
  expect(await platform.ok('apps')).toContain('kept');
  const answer = await platform.up('kept', 120_000);
  expect(answer.body).toContain('hello');
}, 300_000);
