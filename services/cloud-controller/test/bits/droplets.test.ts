import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { rawZip } from './support/raw-zip.ts';
import { nextMoment, sha1, startBitsServer } from './support/bits-server.ts';
import type { BitsServer } from './support/bits-server.ts';

let server: BitsServer;
beforeEach(async () => {
  server = await startBitsServer({ maxDropletBytes: 1000 });
});
afterEach(async () => {
  await server.verifyClean();
  await server.close();
});

test('a droplet is stored under its sha1, expected or not', async () => {
  for (const expected of [undefined, sha1('one'), sha1('one').toUpperCase()]) {
    expect(await server.droplet('one', expected)).toEqual({ status: 200, sha1: sha1('one') });
  }
  const found = await server.bits.openDroplet('app-1', sha1('one'));
  expect(found?.size).toBe(3);
  expect(await text(found!.body)).toBe('one');
  expect(await server.bits.openDroplet('app-2', sha1('one'))).toBeUndefined();
});

test('a droplet that is not what was said is refused and not kept', async () => {
  expect(await server.droplet('one', sha1('two'))).toMatchObject({ status: 400, code: 100 });
  expect(await server.droplet('one', undefined, 'other')).toMatchObject({ status: 400, code: 100 });
  expect(await server.droplet('x'.repeat(1001))).toMatchObject({ code: 402 });
  expect(await server.bits.openDroplet('app-1', sha1('one'))).toBeUndefined();
  expect(await server.bits.openDroplet('app-1', sha1('two'))).toBeUndefined();
});

test('the newest two are kept, one that comes again counts as new', async () => {
  for (const content of ['one', 'two', 'one', 'three']) {
    await server.droplet(content);
    await nextMoment();
  }
  const kept = [];
  for (const content of ['one', 'two', 'three']) {
    const found = await server.bits.openDroplet('app-1', sha1(content));
    if (found) kept.push(await text(found.body));
  }
  expect(kept).toEqual(['one', 'three']);
});

test('the one that runs is kept, however many come after it', async () => {
  await server.droplet('runs');
  for (const content of ['one', 'two', 'three']) {
    await server.droplet(content, undefined, undefined, sha1('runs'));
  }
  expect(await server.bits.openDroplet('app-1', sha1('runs'))).toBeDefined();
  expect(await server.bits.openDroplet('app-1', sha1('two'))).toBeUndefined();
  expect(await server.bits.openDroplet('app-1', sha1('three'))).toBeDefined();
});

test('a deleted app leaves neither package nor droplets; the pool stays', async () => {
  await server.droplet('one');
  await server.upload({ zip: rawZip([{ name: 'f', content: 'abc' }]) });
  await server.bits.deleteApp('app-1');
  await server.bits.deleteApp('app-1');
  expect(await server.bits.openPackage('app-1')).toBeUndefined();
  expect(await server.bits.openDroplet('app-1', sha1('one'))).toBeUndefined();
  expect(await server.bits.match('org-1', [{ fn: 'f', size: 3, sha1: sha1('abc') }])).toHaveLength(1);
});

test.each(['..', '../x', '', 'a b', '%2e'])('what cannot be an app (%j) is not there', async (guid) => {
  expect(await server.bits.openPackage(guid)).toBeUndefined();
  expect(await server.bits.openDroplet(guid, sha1('one'))).toBeUndefined();
});
