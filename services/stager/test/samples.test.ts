import { lstat, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { samplePath } from '@vcap/samples';
import type { SampleName } from '@vcap/samples';
import { startNats, tempDir } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { startController } from './support/controller.ts';
import type { Controller } from './support/controller.ts';
import { startDroplet, unpackDroplet } from './support/droplet.ts';
import { startMessage, startStager } from './support/stager.ts';
import type { RunningStager } from './support/stager.ts';
import { zipDirectory } from './support/zips.ts';

let dir: Awaited<ReturnType<typeof tempDir>>;
let nats: NatsServer;
let stager: RunningStager;
let controller: Controller;

beforeAll(async () => {
  dir = await tempDir('stager-samples');
  nats = await startNats();
  stager = await startStager({ natsUrl: nats.url, dir: dir.path });
  controller = await startController(dir.path);
});
afterAll(async () => {
  await stager?.stop();
  await controller?.stop();
  await nats?.stop();
  await dir?.remove();
});

const stageSample = async (name: SampleName, framework: string, command?: string) => {
  controller.zip = join(dir.path, `${name}.zip`);
  await zipDirectory(samplePath(name), controller.zip);
  const o = { taskId: `task-${name}`, framework, ...(command === undefined ? {} : { command }) };
  const reply = await stager.stage(startMessage(controller, o)).done;
  expect({ error: reply.error, log: reply.error && reply.task_log }).toEqual({ error: null, log: null });
  const upload = controller.uploads.at(-1);
  expect(upload).toMatchObject({
    field: 'upload[droplet]',
    sha1: reply.droplet_sha1,
    claimedSha1: reply.droplet_sha1,
  });
  const droplet = join(dir.path, `droplet-${name}`);
  const unpacked = await unpackDroplet(upload?.path ?? '', droplet);
  expect(unpacked.startCommand).toBe(reply.detected_start_command);
  return { ...unpacked, droplet, reply };
};

test.each([
  ['node-hello', 'node', 'Node.js', '"hello":"world"'],
  ['node-express', 'node', 'Node.js', 'up for'],
  ['websocket-chat', 'node', 'Node.js', 'in the room'],
  ['static-site', 'static', 'Static files', '<h1>Static site</h1>'],
  ['wsgi', 'wsgi', 'Python/WSGI', '"hello": "wsgi"'],
  ['rack', 'rack', 'Ruby/Rack', 'hello rack /'],
  ['sinatra', 'sinatra', 'Ruby/Sinatra', 'hello sinatra'],
  ['ignores-term', 'node', 'Node.js', 'still here'],
] as const)(
  '%s is staged, starts from its droplet and answers on PORT',
  async (name, framework, description, text) => {
    const { droplet, startCommand, reply } = await stageSample(name, framework);
    expect(reply.detected_buildpack).toBe(description);
    const app = await startDroplet(droplet, startCommand);
    try {
      expect(await (await fetch(app.url)).text()).toContain(text);
    } finally {
      await app.stop();
    }
  },
  60_000,
);

test('the standalone worker starts with the command of its manifest', async () => {
  const { startCommand, reply } = await stageSample('worker', 'standalone', 'node worker.mjs');
  expect(startCommand).toBe('node worker.mjs');
  expect(reply.detected_buildpack).toBe('Standalone');
});

test('odd names, links and modes arrive in the droplet as they were', async () => {
  const { droplet, names } = await stageSample('odd-names', 'node');
  const app = join(droplet, 'app');
  expect(names.filter((name) => !name.startsWith('app/'))).toEqual([
    'logs/',
    'logs/staging_task.log',
    'staging_info.yml',
    'tmp/',
  ]);
  expect(await readFile(join(app, 'ünïcödé/深い/grüße 😀.txt'), 'utf8')).toBe('grüße\n');
  expect(await readFile(join(app, `it's "quoted" & $odd.txt`), 'utf8')).toBe('quote\n');
  expect(await readlink(join(app, 'link-to-dir'))).toBe('dir with spaces');
  expect(await readFile(join(app, 'ünïcödé/zurück'), 'utf8')).toBe('a file with spaces\n');
  expect((await lstat(join(app, 'run.sh'))).mode & 0o777).toBe(0o755);
  expect((await lstat(join(app, 'server.js'))).mode & 0o111).toBe(0);
});
