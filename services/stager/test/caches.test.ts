import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { tempDir } from '@vcap/testkit';
import { pino } from 'pino';
import { AppCaches } from '../src/cache/app-caches.ts';

const DAY_MS = 86_400_000;
let dir: Awaited<ReturnType<typeof tempDir>>;
let caches: AppCaches;
beforeEach(async () => {
  dir = await tempDir('caches');
  const bounds = { totalBytes: 250, maxAgeMs: DAY_MS };
  caches = new AppCaches({ dir: dir.path, ...bounds, clock: systemClock, log: pino({ level: 'silent' }) });
  await caches.sweep();
});
afterEach(() => dir.remove());

const keep = async (appId: string, text: string, stamp?: string): Promise<void> => {
  const draft = caches.draft(appId, 'task');
  await writeFile(draft, text);
  await caches.keep(appId, draft, stamp);
};
const read = async (appId: string): Promise<[string, string | undefined] | undefined> => {
  const kept = await caches.open(appId);
  if (kept === undefined) return undefined;
  const text = await kept.archive.readFile('utf8');
  await kept.archive.close();
  return [text, kept.stamp];
};
const age = async (appId: string, days: number): Promise<void> => {
  const before = new Set(await readdir(dir.path));
  await keep(appId, 'x'.repeat(100));
  const name = (await readdir(dir.path)).find((each) => !before.has(each)) ?? '';
  const then = new Date(Date.now() - days * DAY_MS);
  await utimes(join(dir.path, name), then, then);
};

test('each app has its own, whatever its id, and the newest counts', async () => {
  await keep('../../etc', 'one', 'abc');
  await keep('b', 'two');
  await keep('../../etc', 'three');
  expect(await read('../../etc')).toEqual(['three', undefined]);
  expect(await read('b')).toEqual(['two', undefined]);
  expect(await read('c')).toBeUndefined();
  await keep('b', 'four', 'abc');
  expect(await read('b')).toEqual(['four', 'abc']);
  expect(await readdir(dir.path)).toHaveLength(2);
  await caches.drop('b');
  expect(await read('b')).toBeUndefined();
});

test('the longest unused go when there is too much, and those that are too old', async () => {
  await age('a', 0.5);
  await age('b', 0.4);
  expect(await read('a')).toBeDefined(); // used just now
  await age('c', 0.1);
  await caches.sweep();
  expect(await read('b')).toBeUndefined();
  expect(caches.usage).toEqual({ caches: 2, bytes: 200 });
  await caches.drop('a');
  await age('a', 2);
  await caches.sweep();
  expect(await read('a')).toBeUndefined();
});

test('drafts of dead stagers are removed, those of others stay', async () => {
  await writeFile(join(dir.path, 'draft-1-1-x'), '');
  const mine = caches.draft('a', 'task');
  await writeFile(mine, '');
  await writeFile(join(dir.path, 'something else'), '');
  await caches.sweep();
  expect((await readdir(dir.path)).map((name) => join(dir.path, name)).toSorted()).toEqual(
    [mine, join(dir.path, 'something else')].toSorted(),
  );
});
