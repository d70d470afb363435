import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startNats, tempDir } from '@vcap/testkit';
import { createWorkspace, removeTree, sweepWorkspaces } from '../src/task/workspace.ts';
import { startController } from './support/controller.ts';
import { unpackDroplet } from './support/droplet.ts';
import { zipScripted } from './support/scripted-app.ts';
import { startMessage, startStager } from './support/stager.ts';

let dir: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  dir = await tempDir('workspace');
});
afterEach(() => dir.remove());

test('the sweep removes what dead stagers left, with the processes in it, and nothing else', async () => {
  const mine = await createWorkspace(dir.path);
  const stale = join(dir.path, 'task-1-1-abcdef');
  await mkdir(join(stale, 'top', 'app'), { recursive: true });
  await writeFile(join(dir.path, 'task-1-1-abcdef.zip'), '');
  await mkdir(join(dir.path, 'other'));
  const left = spawn('sleep', ['1000'], { cwd: join(stale, 'top', 'app') });
  await once(left, 'spawn');
  const ended = once(left, 'exit');
  const removed = await sweepWorkspaces(dir.path);
  expect(removed.toSorted()).toEqual(['task-1-1-abcdef', 'task-1-1-abcdef.zip']);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect((await readdir(dir.path)).sort()).toEqual(['other', mine.name].sort());
});

test('a tree with directories that may not be written to is removed all the same', async () => {
  const path = join(dir.path, 'a');
  await mkdir(join(path, 'b', 'c'), { recursive: true });
  await chmod(join(path, 'b'), 0o500);
  await removeTree(path);
  expect(await readdir(dir.path)).toEqual([]);
});

test('install scripts see the variables of the app, and what they put beside it is not in the droplet', async () => {
  const nats = await startNats();
  const controller = await startController(dir.path);
  const stager = await startStager({ natsUrl: nats.url, dir: dir.path });
  try {
    const script = 'echo $GREETING >said; echo x >../more; echo x >../staging_info.yml; echo x >../tmp/x';
    controller.zip = join(dir.path, 'app.zip');
    await zipScripted(dir.path, controller.zip, script);
    expect(await stager.stage(startMessage(controller)).done).toMatchObject({ error: null });
    const droplet = join(dir.path, 'droplet');
    const { startCommand } = await unpackDroplet(controller.uploads[0]?.path ?? '', droplet);
    expect(startCommand).toBe('node server.js');
    expect((await readdir(droplet)).sort()).toEqual(['app', 'logs', 'staging_info.yml', 'tmp']);
    expect(await readdir(join(droplet, 'tmp'))).toEqual([]);
    expect(await readFile(join(droplet, 'app', 'said'), 'utf8')).toBe('hello\n');
    expect((await stat(join(droplet, 'app', 'server.js'))).uid).toBe(process.getuid?.());
  } finally {
    await stager.stop();
    await controller.stop();
    await nats.stop();
  }
});
