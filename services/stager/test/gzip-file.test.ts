import { createHash, randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { tempDir } from '@vcap/testkit';
import { gzipFile } from '../src/archive/gzip-file.ts';
import { Lanes } from '../src/archive/lanes.ts';

let dir: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  dir = await tempDir('gzip');
});
afterEach(async () => dir.remove());

test.each([
  ['nothing', Buffer.alloc(0), 0, 100],
  ['text', Buffer.from('every line is like the one before\n'.repeat(30_000)), 0, 20_000],
  ['noise', randomBytes(1_000_000), 1_000_000, 1_010_000],
  ['noise with some text', Buffer.concat([randomBytes(600_000), Buffer.alloc(400_000, 'ab')]), 0, 620_000],
])('%s comes out as it went in, as small as is worth while', async (_name, content, least, most) => {
  const [from, to] = [join(dir.path, 'in'), join(dir.path, 'out')];
  await writeFile(from, content);
  const sha1 = await gzipFile(from, to, new AbortController().signal);
  const packed = await readFile(to);
  expect(gunzipSync(packed).equals(content)).toBe(true);
  expect(sha1).toBe(createHash('sha1').update(packed).digest('hex'));
  expect((await stat(to)).size).toBeGreaterThanOrEqual(least);
  expect(packed.length).toBeLessThanOrEqual(most);
});

test('an abort ends it', async () => {
  const from = join(dir.path, 'in');
  await writeFile(from, randomBytes(100_000));
  await expect(gzipFile(from, join(dir.path, 'out'), AbortSignal.abort())).rejects.toThrow('abort');
});

test('lanes let some work at once, and tell the first failure when all has ended', async () => {
  const lanes = new Lanes(2);
  let now = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
  };
  for (let count = 0; count < 5; count += 1) await lanes.run(work);
  await lanes.end();
  expect([most, now]).toEqual([2, 0]);
  await lanes.run(() => Promise.reject(new Error('broken')));
  await lanes.run(work).catch(() => undefined);
  await expect(lanes.end()).rejects.toThrow('broken');
  expect(now).toBe(0);
});
