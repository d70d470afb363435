import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { stagingStop } from '@vcap/bus';
import { samplePath } from '@vcap/samples';
import { startNats, startRedis, tempDir } from '@vcap/testkit';
import type { NatsServer, RedisServer } from '@vcap/testkit';
import { Redis } from 'ioredis';
import { TaskLog } from '../src/log/task-log.ts';
import { startController } from './support/controller.ts';
import type { Controller } from './support/controller.ts';
import { eventually } from './support/eventually.ts';
import { startMessage, startStager } from './support/stager.ts';
import type { RunningStager } from './support/stager.ts';
import { zipDirectory } from './support/zips.ts';

let dir: Awaited<ReturnType<typeof tempDir>>;
let nats: NatsServer;
let redis: RedisServer;
let client: Redis;
let controller: Controller;
let stagers: RunningStager[];

beforeEach(async () => {
  dir = await tempDir('stager-logs');
  [nats, redis] = await Promise.all([startNats(), startRedis()]);
  client = new Redis(redis.url);
  client.on('error', () => undefined);
  controller = await startController(dir.path);
  controller.zip = join(dir.path, 'app.zip');
  await zipDirectory(samplePath('node-hello'), controller.zip);
  stagers = [];
});
afterEach(async () => {
  client.disconnect();
  for (const stager of stagers) await stager.stop();
  await controller.stop();
  await nats.stop();
  await redis.stop();
  await dir.remove();
});
const start = async (id: string): Promise<RunningStager> => {
  const stager = await startStager({ natsUrl: nats.url, redisUrl: redis.url, dir: dir.path, id });
  stagers.push(stager);
  return stager;
};
const urlOf = (replies: readonly { task_streaming_log_url?: string | null | undefined }[]): Promise<string> =>
  eventually(() => replies[0]?.task_streaming_log_url ?? undefined);

const statusOf = async (address: string): Promise<number> => (await fetch(address)).status;

test('the log is followed by offsets while the task runs, until it is complete', async () => {
  const stager = await start('stager-1');
  controller.silent = true;
  const task = stager.stage(startMessage(controller));
  const url = await urlOf(task.replies);
  await eventually(() => controller.requests.length === 1);
  const early = await fetch(url);
  expect(early.headers.get('x-staging-complete')).toBe('false');
  expect(early.headers.get('content-type')).toMatch(/^text\/plain/);
  let text = await early.text();
  expect(text).toBe('Downloading the application\n');
  stager.bus.publish(stagingStop, { app_id: 'app-1' });
  const last = await task.done;
  const rest = await fetch(`${url}&offset=${Buffer.byteLength(text)}`);
  expect(rest.headers.get('x-staging-complete')).toBe('true');
  text += await rest.text();
  expect(text).toBe(last.task_log);
  expect(await (await fetch(`${url}&offset=999999`)).text()).toBe('');
});

test('another stager serves the log from Redis; keys expire and the lease is gone', async () => {
  const [first, second] = [await start('stager-1'), await start('stager-2')];
  const task = first.stage(startMessage(controller));
  const last = await task.done;
  const other = second.stage(startMessage(controller, { taskId: 'task-2' }));
  const otherUrl = new URL(await urlOf(other.replies));
  await other.done;
  const url = new URL(await urlOf(task.replies));
  url.port = otherUrl.port;
  const response = await fetch(`${url.href}&offset=12`);
  expect(response.headers.get('x-staging-complete')).toBe('true');
  expect(await response.text()).toBe(last.task_log?.slice(12));
  expect(await client.get('staging_task_log:task-1')).toBe(last.task_log);
  expect(await client.ttl('staging_task_log:task-1')).toBeGreaterThan(86_000);
  expect(await client.ttl('staging_task_log_meta:task-1')).toBeGreaterThan(86_000);
  expect(await client.exists('staging_task:task-1')).toBe(0);
});

test('a running task holds a lease, and its log is not complete for others', async () => {
  const [first, second] = [await start('stager-1'), await start('stager-2')];
  const done = second.stage(startMessage(controller, { taskId: 'task-2' }));
  const port = new URL(await urlOf(done.replies)).port;
  await done.done;
  controller.silent = true;
  const task = first.stage(startMessage(controller));
  const url = new URL(await urlOf(task.replies));
  url.port = port;
  await eventually(async () => (await client.strlen('staging_task_log:task-1')) > 0);
  expect(await client.get('staging_task:task-1')).toBe('stager-1');
  expect(await client.ttl('staging_task:task-1')).toBeGreaterThan(10);
  expect((await fetch(url)).headers.get('x-staging-complete')).toBe('false');
  // As if its stager had died: the lease runs out.
  await client.del('staging_task:task-1');
  expect((await fetch(url)).headers.get('x-staging-complete')).toBe('true');
  first.bus.publish(stagingStop, { app_id: 'app-1' });
  await task.done;
});

test('wrong tokens, unknown tasks and bad offsets are told apart', async () => {
  const stager = await start('stager-1');
  const task = stager.stage(startMessage(controller));
  const url = await urlOf(task.replies);
  await task.done;
  expect(await statusOf(`${url}x`)).toBe(403);
  expect(await statusOf(url.replace('task-1', 'task-9'))).toBe(404);
  expect(await statusOf(url.replace(/token=.*/, ''))).toBe(400);
  expect(await statusOf(`${url}&offset=-1`)).toBe(400);
  expect(await statusOf(url.replace('task-1', '%E0%A4%A'))).toBe(400);
  expect(await statusOf(new URL('/', url).href)).toBe(404);
});

test('staging works while Redis is away, and the log gets there when it is back in time', async () => {
  const stager = await start('stager-1');
  await redis.kill();
  expect((await stager.stage(startMessage(controller)).done).error).toBeNull();
  controller.silent = true;
  const task = stager.stage(startMessage(controller, { taskId: 'task-2' }));
  const url = await urlOf(task.replies);
  await eventually(() => controller.requests.at(-1)?.startsWith('GET') === true);
  expect(await (await fetch(url)).text()).toBe('Downloading the application\n');
  expect((await fetch(url.replace('task-2', 'task-9'))).status).toBe(503);
  redis = await startRedis({ port: redis.port });
  const key = 'staging_task_log:task-2';
  await eventually(async () => (await client.get(key).catch(() => null)) !== null);
  expect(await client.get(key)).toBe('Downloading the application\n');
  stager.bus.publish(stagingStop, { app_id: 'app-1' });
  await task.done;
});

test('a log ends at 1 MiB with a note; its tail fits into a message', () => {
  const log = new TaskLog();
  for (let index = 0; index < 20_000; index += 1) log.append('x'.repeat(99));
  expect(log.length).toBeLessThanOrEqual(1024 * 1024);
  expect(log.tail(41)).toContain('the log is full');
  expect(log.from(log.length - 5)).toHaveLength(5);
});
