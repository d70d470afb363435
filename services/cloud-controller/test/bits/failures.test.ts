import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, utimes } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { rawZip } from './support/raw-zip.ts';
import { startBitsServer } from './support/bits-server.ts';
import type { BitsServer } from './support/bits-server.ts';

const run = promisify(execFile);
const HEAD =
  '--b\r\nContent-Disposition: form-data; name="application"; filename="a.zip"\r\n' +
  'Content-Type: application/zip\r\n\r\n';

let folder: TempDir;
let server: BitsServer | undefined;
beforeEach(async () => {
  folder = await tempDir('bits-failures');
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await folder.remove();
});

async function abandon(started: BitsServer, path: string, head: string): Promise<void> {
  const outcome = started.nextOutcome();
  const client = request({
    port: started.port,
    host: '127.0.0.1',
    path,
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b', 'content-length': '100000000' },
  });
  client.on('error', () => undefined);
  client.write(head);
  client.write(randomBytes(200_000));
  const atWork = async (): Promise<boolean> => {
    const [work] = await readdir(join(started.root, 'uploads'));
    return work !== undefined && (await readdir(join(started.root, 'uploads', work))).length > 0;
  };
  await waitFor(atWork);
  client.destroy();
  expect(await outcome).toMatchObject({
    code: 100,
    description: expect.stringContaining('before it was complete'),
  });
  expect(await started.leftovers()).toEqual([]);
}

test('a client that goes away in the middle of an upload leaves nothing', async () => {
  server = await startBitsServer();
  await abandon(server, '/upload/org-1/app-1', HEAD);
  expect(await server.bits.openPackage('app-1')).toBeUndefined();
});

test('a stager that goes away in the middle of a droplet leaves nothing', async () => {
  server = await startBitsServer();
  await abandon(server, '/droplet/app-1', HEAD.replace('"application"', '"upload[droplet]"'));
  expect(await readdir(join(server.root, 'blobs'))).toEqual([]);
});

test('a client that sends too much reads why, though it goes on sending', async () => {
  server = await startBitsServer({ maxPackageBytes: 1000, maxEntries: 10 });
  const zip = rawZip([{ name: 'f', content: randomBytes(20_000_000) }]);
  expect(await server.upload({ zip })).toMatchObject({
    code: 402,
    description: expect.stringContaining('larger'),
  });
  expect(await server.leftovers()).toEqual([]);
});

test('work that a dead process left behind goes at the next start, younger work stays', async () => {
  const work = join(folder.path, 'work');
  for (const [name, hours] of [
    ['vcap-upload-dead', 25],
    ['vcap-upload-young', 1],
    ['other', 100],
  ] as const) {
    await mkdir(join(work, name), { recursive: true });
    const when = (performance.timeOrigin + performance.now()) / 1000 - hours * 3600;
    await utimes(join(work, name), when, when);
  }
  server = await startBitsServer({ tmpdir: work });
  expect((await readdir(work)).sort()).toEqual(['other', 'vcap-upload-young']);
});

test.each([
  ['work', 'blobs'],
  ['blobs', 'work'],
])('a full disk for the %s is said so and leaves nothing', async (full) => {
  const disk = join(folder.path, 'small');
  await mkdir(disk);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  } catch (error) {
    console.warn(`not tested: a full disk needs a mount of its own: ${(error as Error).message}`);
    return;
  }
  try {
    const roomy = join(folder.path, 'roomy');
    const started = await startBitsServer(
      full === 'work' ? { root: roomy, tmpdir: join(disk, 'w') } : { root: disk, tmpdir: roomy },
    );
    server = started;
    await started.upload({ zip: rawZip([{ name: 'v', content: 'old' }]) });
    for (const content of [
      randomBytes(3_000_000),
      Buffer.concat([randomBytes(700_000), randomBytes(700_000)]),
    ]) {
      const answer = await started.upload({ zip: rawZip([{ name: 'v', content }]) });
      expect(answer).toMatchObject({ code: 402, description: expect.stringContaining('no space left') });
      expect(await started.leftovers()).toEqual([]);
    }
    const unpacking = rawZip([{ name: 'v', content: Buffer.alloc(2_000_000), deflate: true }]);
    const small = await started.upload({ zip: unpacking, app: 'app-2' });
    expect(small).toMatchObject(full === 'work' ? { code: 402 } : { status: 200 });
    expect(await started.droplet(randomBytes(2_000_000))).toMatchObject({
      code: 402,
      description: expect.stringContaining('no space left'),
    });
    expect((await started.unpack())['v']?.content).toBe('old');
    expect(await started.leftovers()).toEqual([]);
  } finally {
    await server?.close();
    server = undefined;
    await run('umount', [disk]);
  }
});
