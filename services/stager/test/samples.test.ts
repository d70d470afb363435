import { lstat, mkdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { samplePath } from '@vcap/samples';
import type { SampleName } from '@vcap/samples';
import { startNats, tempDir } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { startController } from './support/controller.ts';
import { describeWithEach } from './support/isolations.ts';
import { besideApp, startDroplet, unpackDroplet } from './support/droplet.ts';
import { fillNpmCache, giveCache, OFFLINE } from './support/npm-cache.ts';
import { eventually } from './support/eventually.ts';
import { startMessage, startStager } from './support/stager.ts';
import type { RunningStager } from './support/stager.ts';
import { zipDirectory } from './support/zips.ts';

/** Those that install packages. */
const withPackages: readonly SampleName[] = ['node-express', 'websocket-chat'];

describeWithEach('staging in containers', (isolation) => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let nats: NatsServer;
  let stager: RunningStager;
  const cacheDir = (): string => join(dir.path, 'cache');

  beforeAll(async () => {
    await fillNpmCache(withPackages);
    dir = await tempDir('stager-samples');
    nats = await startNats();
    stager = await startStager({ natsUrl: nats.url, dir: dir.path, config: { isolation } });
  }, 300_000);
  afterAll(async () => {
    await stager?.stop();
    await nats?.stop();
    await dir?.remove();
  });

  /** Each staging has a controller of its own: what came too late from another one cannot be taken for its droplet. */
  let count = 0;

  const stageSample = async (
    name: SampleName,
    framework: string,
    wishes: Parameters<typeof startMessage>[1] = {},
  ) => {
    const home = join(dir.path, `${name}-${count}`);
    await mkdir(home);
    const controller = await startController(home);
    try {
      controller.zip = join(home, 'app.zip');
      await zipDirectory(samplePath(name), controller.zip);
      const task = { taskId: `task-${name}-${(count += 1)}`, appId: name, framework, environment: [OFFLINE] };
      const reply = await stager.stage(startMessage(controller, { ...task, ...wishes })).done;
      expect({ error: reply.error, log: reply.error && reply.task_log }).toEqual({ error: null, log: null });
      expect(controller.uploads).toHaveLength(1);
      const [upload] = controller.uploads;
      expect(upload).toMatchObject({
        field: 'upload[droplet]',
        sha1: reply.droplet_sha1,
        claimedSha1: reply.droplet_sha1,
      });
      const droplet = join(home, 'droplet');
      const unpacked = await unpackDroplet(upload?.path ?? '', droplet);
      expect(unpacked.startCommand).toBe(reply.detected_start_command);
      return { ...unpacked, droplet, reply };
    } finally {
      await controller.stop();
    }
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
      if (withPackages.includes(name)) await giveCache(cacheDir(), name);
      const { droplet, startCommand, reply } = await stageSample(name, framework);
      expect(reply.detected_buildpack).toBe(description);
      const app = await startDroplet(droplet, startCommand);
      try {
        expect(await (await fetch(app.url)).text()).toContain(text);
      } finally {
        await app.stop();
      }
    },
  );

  test("what an app downloaded is there at its next staging, and at no other app's", async () => {
    const kept = (): unknown[] => stager.lines.filter(({ event }) => event === 'cache-kept');
    const before = kept().length;
    await giveCache(cacheDir(), 'node-express');
    expect((await stageSample('node-express', 'node')).reply.task_log).toContain(
      'Packages of the last staging',
    );
    await eventually(() => kept().length === before + 1);
    // With the lock of last time there is nothing new to keep.
    expect((await stageSample('node-express', 'node')).reply.error).toBeNull();
    await eventually(() => stager.varz('active_tasks') === 0);
    expect(kept()).toHaveLength(before + 1);
    await expect(stageSample('node-express', 'node', { appId: 'another-app' })).rejects.toThrow('ENOTCACHED');
  });

  test('the standalone worker starts with the command of its manifest', async () => {
    const { startCommand, reply } = await stageSample('worker', 'standalone', { command: 'node worker.mjs' });
    expect(startCommand).toBe('node worker.mjs');
    expect(reply.detected_buildpack).toBe('Standalone');
  });

  test('odd names, links and modes arrive in the droplet as they were', async () => {
    const { droplet, names } = await stageSample('odd-names', 'node');
    const app = join(droplet, 'app');
    expect(names.filter((name) => !name.startsWith('app/'))).toEqual(besideApp);
    expect(await readFile(join(app, 'ünïcödé/深い/grüße 😀.txt'), 'utf8')).toBe('grüße\n');
    expect(await readFile(join(app, `it's "quoted" & $odd.txt`), 'utf8')).toBe('quote\n');
    expect(await readlink(join(app, 'link-to-dir'))).toBe('dir with spaces');
    expect(await readFile(join(app, 'ünïcödé/zurück'), 'utf8')).toBe('a file with spaces\n');
    expect((await lstat(join(app, 'run.sh'))).mode & 0o777).toBe(0o755);
    expect((await lstat(join(app, 'server.js'))).mode & 0o111).toBe(0);
  });
});
