import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ApiClient } from './support/client.ts';
import { ServiceCloud } from './support/service-cloud.ts';

let cloud: ServiceCloud;
let ann: ApiClient;
beforeAll(async () => {
  cloud = await ServiceCloud.start('sqlite');
  ann = await cloud.user();
  await cloud.app(ann, 'foo', 'STARTED');
}, 60_000);
afterAll(() => cloud.stop());

test('log lines come one JSON document a line, with a cursor that goes on from there', async () => {
  const { world } = cloud.cloud;
  const line = { seq: 7, time: 1.5, instance: 'i-1', index: 0, source: 'stdout', text: 'hello' };
  world.logPage = { lines: [line, { ...line, seq: 8 }], cursor: { 'i-1': 8 } };
  const first = await ann.get('/apps/foo/logs?recent=2');
  expect(first.text).toBe(`${JSON.stringify(line)}\n${JSON.stringify({ ...line, seq: 8 })}\n`);
  const cursor = first.headers.get('x-log-cursor') ?? '';
  expect((await ann.get(`/apps/foo/logs?wait=3&cursor=${cursor}`)).status).toBe(200);
  expect(world.logQueries).toEqual([
    { cursor: undefined, recent: 2, waitSeconds: 0 },
    { cursor: { 'i-1': 8 }, recent: 100, waitSeconds: 3 },
  ]);
});

test.each(['wait=26', 'wait=x', 'recent=-1', 'cursor=x', 'cursor=e30x', `cursor=${'A'.repeat(9)}`])(
  'a bad question (%s) is refused',
  async (query) => {
    expect((await ann.get(`/apps/foo/logs?${query}`)).body.code).toBe(100);
  },
);

test('the logs of another’s app are not there', async () => {
  const bob = await cloud.user();
  expect((await bob.get('/apps/foo/logs')).body.code).toBe(301);
  expect((await cloud.controller.api.get('/apps/foo/logs')).body.code).toBe(200);
});
