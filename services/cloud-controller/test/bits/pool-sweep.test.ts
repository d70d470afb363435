import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createDiskBlobstore } from '@vcap/blobstore';
import type { Blobstore } from '@vcap/blobstore';
import { FakeClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { PoolSweeper, sweepPool } from '../../src/bits/pool-sweep.ts';
import { sha1 } from './support/bits-server.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
let dir: TempDir;
let blobstore: Blobstore;

beforeEach(async () => {
  dir = await tempDir('pool');
  blobstore = createDiskBlobstore({ root: dir.path });
  for (const [index, content] of ['one', 'three', 'eleven'].entries()) {
    await pool(content);
    await setAge(content, 3 - index);
  }
  const list = { package: 'a'.repeat(40), resources: [{ sha1: sha1('three') }] };
  await blobstore.put('file-lists/app-1', Readable.from([JSON.stringify(list)]));
  await blobstore.put('file-lists/app-2', Readable.from(['{"pack']));
});
afterEach(() => dir.remove());

async function pool(content: string): Promise<void> {
  await blobstore.put(`resources/org-1/${sha1(content)}`, Readable.from([content]));
}
/** Files written one after the other may bear the same time: a kernel's clock ticks some hundred times a second. */
async function setAge(content: string, minutes: number): Promise<void> {
  const names = await readdir(dir.path, { recursive: true });
  const name = names.find((each) => each.endsWith(sha1(content)));
  const when = Date.now() / 1000 - minutes * 60;
  await utimes(join(dir.path, name ?? ''), when, when);
}
async function left(): Promise<string[]> {
  const keys = (await blobstore.list('resources')).map(({ key }) => key.split('/').at(-1));
  return ['one', 'three', 'eleven'].filter((content) => keys.includes(sha1(content)));
}

test('what an application has stays; the rest goes when its time is over', async () => {
  const roomy = { expireMs: DAY_MS, maxBytes: 1000 };
  expect(await sweepPool(blobstore, roomy, Date.now() + DAY_MS / 2)).toEqual({ removed: 0, keptBytes: 14 });
  expect(await sweepPool(blobstore, roomy, Date.now() + 2 * DAY_MS)).toEqual({ removed: 2, keptBytes: 5 });
  expect(await left()).toEqual(['three']);
});

test('over the budget the oldest go, those that no application has first', async () => {
  await sweepPool(blobstore, { expireMs: DAY_MS, maxBytes: 11 }, Date.now());
  expect(await left()).toEqual(['three', 'eleven']);
  await sweepPool(blobstore, { expireMs: DAY_MS, maxBytes: 5 }, Date.now());
  expect(await left()).toEqual(['three']);
  await sweepPool(blobstore, { expireMs: DAY_MS, maxBytes: 4 }, Date.now());
  expect(await left()).toEqual([]);
});

test('it is done by itself, and stops with the controller', async () => {
  const clock = new FakeClock();
  const budget = { expireMs: DAY_MS, maxBytes: 5 };
  const sweeper = new PoolSweeper({ blobstore, budget, clock, log: silentLogger });
  await sweeper.start();
  expect(await left()).toHaveLength(3);
  await clock.advance(10 * 60 * 1000);
  await waitFor(async () => (await left()).length === 1);
  await sweeper.stop();
  await pool('eleven');
  await clock.advance(2 * DAY_MS);
  expect(await left()).toEqual(['three', 'eleven']);
});
