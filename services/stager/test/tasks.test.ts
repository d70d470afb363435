import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FakeClock } from '@vcap/clock';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fromTraceparent, newTrace, stagingAdvertise, stagingLocate, stagingStop } from '@vcap/bus';
import type { StagingAdvertise } from '@vcap/bus';
import { samplePath } from '@vcap/samples';
import { startNats, tempDir } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { startController } from './support/controller.ts';
import type { Controller } from './support/controller.ts';
import { eventually } from './support/eventually.ts';
import { isRunning } from './support/machine.ts';
import { zipScripted } from './support/scripted-app.ts';
import { hastyClock, startMessage, startStager } from './support/stager.ts';
import type { RunningStager } from './support/stager.ts';
import { zipDirectory, zipEntries } from './support/zips.ts';

let dir: Awaited<ReturnType<typeof tempDir>>;
let nats: NatsServer;
let stager: RunningStager;
let controller: Controller;

beforeEach(async () => {
  dir = await tempDir('stager-tasks');
  nats = await startNats();
  controller = await startController(dir.path);
  controller.zip = join(dir.path, 'app.zip');
  await zipDirectory(samplePath('node-hello'), controller.zip);
  stager = await start();
});
afterEach(async () => {
  await stager?.stop();
  await controller?.stop();
  await nats?.stop();
  await dir?.remove();
});
const start = (o: Pick<Parameters<typeof startStager>[0], 'config' | 'clock'> = {}): Promise<RunningStager> =>
  startStager({
    natsUrl: nats.url,
    dir: dir.path,
    ...o,
    config: { max_active_tasks: 2, ...o.config },
  });
/** Puts a stager in the place of the usual one. */
const restart = async (o: Parameters<typeof start>[0]): Promise<void> => {
  await stager.stop();
  stager = await start(o);
};
/** Nothing of a task is there any more but the workspace that is made ahead. */
const cleanedUp = (spare = 1): Promise<true> =>
  eventually(async () => {
    const left = (await readdir(join(dir.path, 'base'))).filter((name) => name.startsWith('task-'));
    return left.length <= spare && (true as const);
  });

/** An app whose npm install starts a process that never ends; gives back how to find its pid. */
const zipSlowApp = async (command = 'sleep 1000'): Promise<() => Promise<number>> => {
  const child = join(dir.path, 'child-pid');
  const script = `${command} & echo $! > ${child}.tmp; mv ${child}.tmp ${child}; wait`;
  await zipScripted(dir.path, controller.zip, script);
  return async () => Number(await eventually(() => readFile(child, 'utf8')));
};

test('answers twice, with all keys, and leaves nothing behind', async () => {
  const task = stager.stage(startMessage(controller));
  const last = await task.done;
  const nothing = {
    task_log: null,
    detected_buildpack: null,
    detected_start_command: null,
    droplet_sha1: null,
  };
  const url = expect.stringMatching(
    /^http:\/\/127\.0\.0\.1:\d+\/staging_tasks\/task-1\/log\?token=[\w-]{32}$/,
  );
  expect(task.replies[0]).toEqual({
    ...nothing,
    task_id: 'task-1',
    task_streaming_log_url: url,
    error: null,
    error_info: null,
  });
  expect(last).toEqual({
    task_id: 'task-1',
    task_streaming_log_url: url,
    task_log: expect.stringContaining('Start command: node server.js'),
    detected_buildpack: 'Node.js',
    detected_start_command: 'node server.js',
    droplet_sha1: controller.uploads[0]?.sha1,
    error: null,
    error_info: null,
  });
  expect(last.task_log).not.toContain('token=');
  await cleanedUp();
});

test('advertises at once when asked, with memory for the free slots', async () => {
  const adverts: StagingAdvertise[] = [];
  stager.bus.subscribe(stagingAdvertise, (advert) => void adverts.push(advert));
  await eventually(() => {
    stager.bus.publish(stagingLocate, {});
    return adverts.length > 0;
  });
  expect(adverts[0]).toEqual({
    id: 'stager-1',
    stacks: ['linux'],
    available_memory: 2048,
    available_disk: expect.any(Number),
    isolation: 'process',
  });
});

test('a stop for the app kills its processes and answers "task stopped"', async () => {
  const pidOfChild = await zipSlowApp();
  const task = stager.stage(startMessage(controller));
  const child = await pidOfChild();
  stager.bus.publish(stagingStop, { app_id: 'another' });
  stager.bus.publish(stagingStop, { app_id: 'app-1' });
  expect(await task.done).toMatchObject({
    error: 'task stopped',
    error_info: { type: 'TaskStopped' },
    task_log: expect.stringContaining('Staging failed: task stopped'),
    droplet_sha1: null,
  });
  await eventually(async () => !(await isRunning(child)));
  await cleanedUp();
  expect(controller.uploads).toEqual([]);
});

test('a task that takes too long is killed with all its processes', async () => {
  const clock = new FakeClock();
  await restart({ clock });
  const pidOfChild = await zipSlowApp();
  const task = stager.stage(startMessage(controller, { timeoutSeconds: 30 }));
  const child = await pidOfChild();
  await clock.advance(30_000);
  expect(await task.done).toMatchObject({
    error: 'staging took longer than 30 seconds',
    error_info: { type: 'StagingTimeout' },
  });
  await eventually(async () => !(await isRunning(child)));
  await cleanedUp();
});

test('commands above the memory limit are killed, those that left the group too', async () => {
  await restart({ config: { memory_limit_mb: 300 } });
  const eat = 'global.b = Buffer.alloc(4e8, 1); setInterval(() => {}, 1000)';
  const pidOfChild = await zipSlowApp(`setsid node -e '${eat}'`);
  expect(await stager.stage(startMessage(controller)).done).toMatchObject({
    error: 'staging needed more than 300 MB of memory',
    error_info: { type: 'OutOfMemory' },
    task_log: expect.stringContaining('Staging failed: staging needed more than 300 MB'),
  });
  const child = await pidOfChild();
  await eventually(async () => !(await isRunning(child)));
  await cleanedUp();
});

test('every line and request of a task bears the trace of its start message', async () => {
  const trace = newTrace();
  controller.faults = [404];
  await stager.stage(startMessage(controller), { trace }).done;
  await stager.stage(startMessage(controller, { taskId: 'task-2' }), { trace }).done;
  await stager.stage({ ...startMessage(controller), task_id: 'task-3', upload_uri: 'x' }, { trace }).done;
  const lines = stager.lines.filter((line) => 'task_id' in line);
  expect(lines.map(({ event, trace_id }) => [event, trace_id])).toEqual(
    ['task-started', 'task-failed', 'task-started', 'task-finished', 'task-refused'].map((event) => [
      event,
      trace.traceId,
    ]),
  );
  expect(controller.traceparents.map((text) => fromTraceparent(text)?.traceId)).toEqual(
    Array(3).fill(trace.traceId),
  );
  expect(new Set(controller.traceparents).size).toBe(3);
});

test('a download that never answers is ended by the limit too', async () => {
  controller.silent = true;
  const last = await stager.stage(startMessage(controller, { timeoutSeconds: 0.2 })).done;
  expect(last.error_info?.type).toBe('StagingTimeout');
});

test('a task id that came twice is worked on once, also after its end', async () => {
  const duplicates = (count: number) =>
    eventually(() => (stager.varz('tasks') as { duplicates: number }).duplicates === count);
  controller.silent = true;
  const first = stager.stage(startMessage(controller));
  const second = stager.stage(startMessage(controller));
  await duplicates(1);
  await eventually(() => controller.requests.length === 1);
  stager.bus.publish(stagingStop, { app_id: 'app-1' });
  expect((await first.done).error).toBe('task stopped');
  const third = stager.stage(startMessage(controller));
  await duplicates(2);
  expect(controller.requests).toHaveLength(1);
  // Silence cannot be waited for: the stager's next answer comes after what it would have said before.
  controller.silent = false;
  expect((await stager.stage(startMessage(controller, { taskId: 'task-2' })).done).error).toBeNull();
  expect([second.replies, third.replies]).toEqual([[], []]);
  await stager.stop();
  await expect(second.done).rejects.toThrow('did not answer');
  await expect(third.done).rejects.toThrow('did not answer');
});

test('one task more than the limit is refused in the first reply', async () => {
  controller.silent = true;
  const tasks = ['a', 'b'].map((taskId) => stager.stage(startMessage(controller, { taskId })));
  await eventually(() => tasks.every(({ replies }) => replies.length === 1));
  const refused = stager.stage(startMessage(controller, { taskId: 'c' }));
  expect(await refused.done).toMatchObject({
    task_id: 'c',
    task_streaming_log_url: null,
    error: 'the stager is at its limit of 2 tasks',
  });
  stager.bus.publish(stagingStop, { app_id: 'app-1' });
  await Promise.all(tasks.map(({ done }) => done));
});

test('cut and failed transfers are tried again; the third failure is told without the URL', async () => {
  await restart({ clock: hastyClock });
  controller.faults = [503, 0];
  expect((await stager.stage(startMessage(controller, { taskId: 'a' })).done).error).toBeNull();
  expect(controller.requests.map((request) => request.slice(0, 4))).toEqual(['GET ', 'GET ', 'GET ', 'POST']);
  controller.faults = [500, 500, 500];
  expect((await stager.stage(startMessage(controller, { taskId: 'b' })).done).error).toBe(
    'the application could not be downloaded: the server answered 500',
  );
  controller.requests.length = 0;
  controller.faults = [404];
  expect((await stager.stage(startMessage(controller, { taskId: 'c' })).done).error).toBe(
    'the application could not be downloaded: the server answered 404',
  );
  expect(controller.requests).toHaveLength(1);
});

test('an upload that is refused fails the task', async () => {
  await restart({ clock: hastyClock });
  const message = { ...startMessage(controller), upload_uri: 'http://127.0.0.1:1/x?token=secret' };
  const last = await stager.stage(message).done;
  expect(last).toMatchObject({ error_info: { type: 'UploadFailed' } });
  expect(JSON.stringify(last)).not.toContain('secret');
});

test('a hostile archive is an error for the user', async () => {
  await zipEntries(controller.zip, [{ name: '../evil', text: 'x' }]);
  expect((await stager.stage(startMessage(controller)).done).error_info?.type).toBe('BadArchive');
});

test.each([
  ['node', 'no package.json scripts.start and none of server.js, app.js, index.js, main.js'],
  ['standalone', 'needs a start command'],
  ['rack', 'no config.ru'],
  ['sinatra', 'requires sinatra'],
  ['wsgi', 'no wsgi.py'],
  ['cobol', 'the framework "cobol" is not supported: use one of rack, sinatra, node'],
])('%s without what it needs says what is missing', async (framework, text) => {
  await zipEntries(controller.zip, [{ name: 'readme.txt', text: 'x' }]);
  expect((await stager.stage(startMessage(controller, { framework })).done).error).toContain(text);
});

test('requests that make no sense are refused with the field', async () => {
  const message = { ...startMessage(controller), download_uri: 'file:///etc/passwd' };
  expect((await stager.stage(message).done).error).toContain('download_uri');
});

test('a stager that drains takes nothing new and finishes what it has', async () => {
  controller.silent = true;
  const task = stager.stage(startMessage(controller));
  await eventually(() => task.replies.length === 1);
  const drained = stager.drain();
  const refused = await stager.stage(startMessage(controller, { taskId: 'task-2' })).done;
  expect(refused.error).toBe('the stager is shutting down');
  stager.bus.publish(stagingStop, { app_id: 'app-1' });
  await drained;
  expect((await task.done).error_info?.type).toBe('TaskStopped');
});

test('a drain ends when its time is up, however long a task may still run', async () => {
  const clock = new FakeClock();
  await restart({ clock, config: { drain_timeout: 5 } });
  controller.silent = true;
  const task = stager.stage(startMessage(controller));
  await eventually(() => task.replies.length === 1);
  const drained = stager.drain();
  await clock.advance(5000);
  await drained;
  expect(stager.varz('active_tasks')).toBe(1);
  await stager.stop();
  expect(task.replies[1]?.error).toBe('the stager is shutting down');
});

test('a stager that stops ends its tasks and says so', async () => {
  controller.silent = true;
  const task = stager.stage(startMessage(controller));
  await eventually(() => task.replies.length === 1);
  await stager.stop();
  expect((await task.done).error).toBe('the stager is shutting down');
  await cleanedUp();
});

test('a stop does not wait for the next try of a transfer', async () => {
  // Time stands still: a pause would never end by itself.
  await restart({ clock: new FakeClock() });
  controller.faults = [503];
  const task = stager.stage(startMessage(controller));
  await eventually(() => controller.requests.length === 1);
  await stager.stop();
  expect((await task.done).error).toBe('the stager is shutting down');
});
