import { createHash, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { tempDir } from '@vcap/testkit';
import { gzipStream } from '../src/archive/gzip-stream.ts';
import { Lanes } from '../src/archive/lanes.ts';

let dir: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  dir = await tempDir('gzip');
});
afterEach(async () => dir.remove());
const tooLarge = (): Error => new Error('too large');

/** As they come out of a pipe. */
function* pieces(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
}

test.each([
  ['nothing', Buffer.alloc(0), 0, 100],
  ['text', Buffer.from('every line is like the one before\n'.repeat(30_000)), 0, 20_000],
  ['noise', randomBytes(1_000_000), 1_000_000, 1_010_000],
  ['noise with some text', Buffer.concat([randomBytes(600_000), Buffer.alloc(400_000, 'ab')]), 0, 800_000],
  [
    'text between noise',
    Buffer.concat([randomBytes(3e6), Buffer.alloc(3e6, 'ab'), randomBytes(3e6)]),
    6e6,
    6.4e6,
  ],
])('%s comes out as it went in, as small as is worth while', async (_name, content, least, most) => {
  const to = join(dir.path, 'out');
  const source = Readable.from(pieces(content), { objectMode: false });
  const sha1 = await gzipStream(source, to, { maxBytes: content.length, tooLarge });
  const packed = await readFile(to);
  expect(gunzipSync(packed).equals(content)).toBe(true);
  expect(sha1).toBe(createHash('sha1').update(packed).digest('hex'));
  expect((await stat(to)).size).toBeGreaterThanOrEqual(least);
  expect(packed.length).toBeLessThanOrEqual(most);
});

test('more than the limit is an error, and no more is read', async () => {
  const endless = Readable.from(
    (function* () {
      for (;;) yield randomBytes(65_536);
    })(),
  );
  const limit = { maxBytes: 5_000_000, tooLarge };
  await expect(gzipStream(endless, join(dir.path, 'out'), limit)).rejects.toThrow('too large');
  expect(endless.destroyed).toBe(true);
});

test('a source that fails is an error', async () => {
  const source = Readable.from(
    (async function* () {
      yield Buffer.from('x');
      throw new Error('cut off');
    })(),
  );
  await expect(gzipStream(source, join(dir.path, 'out'), { maxBytes: 10, tooLarge })).rejects.toThrow(
    'cut off',
  );
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
