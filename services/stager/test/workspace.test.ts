import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startNats, tempDir } from '@vcap/testkit';
import { pino } from 'pino';
import { chooseTaskUser } from '../src/task/task-user.ts';
import { Workspaces } from '../src/task/workspaces-member.ts';
import { createWorkspace, removeTree, sweepWorkspaces } from '../src/task/workspace.ts';
import { startController } from './support/controller.ts';
import { unpackDroplet } from './support/droplet.ts';
import { startMessage, startStager } from './support/stager.ts';
import { zipDirectory } from './support/zips.ts';

let dir: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  dir = await tempDir('workspace');
});
afterEach(() => dir.remove());
/** Only root may choose another user. */
const isRoot = process.getuid?.() === 0;

test('the sweep removes what dead stagers left, with the processes in it, and nothing else', async () => {
  const mine = await createWorkspace(dir.path);
  const stale = join(dir.path, 'task-1-1-abcdef');
  await mkdir(join(stale, 'staged', 'app'), { recursive: true });
  await mkdir(join(dir.path, 'other'));
  const left = spawn('sleep', ['1000'], { cwd: join(stale, 'staged', 'app') });
  await once(left, 'spawn');
  const ended = once(left, 'exit');
  expect(await sweepWorkspaces(dir.path)).toEqual(['task-1-1-abcdef']);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect((await readdir(dir.path)).sort()).toEqual(['other', mine.root.slice(dir.path.length + 1)].sort());
});

test('a tree with directories that may not be written to is removed all the same', async () => {
  const path = join(dir.path, 'a');
  await mkdir(join(path, 'b', 'c'), { recursive: true });
  await chmod(join(path, 'b'), 0o500);
  await removeTree(path);
  expect(await readdir(dir.path)).toEqual([]);
});

test('root compiles as nobody where nobody may enter, else as itself', async () => {
  if (!isRoot) return;
  const inner = join(dir.path, 'inner');
  await mkdir(inner, { mode: 0o700 });
  expect(await chooseTaskUser(['/', inner])).toEqual({ user: undefined, closed: dir.path });
  await chmod(dir.path, 0o711);
  expect(await chooseTaskUser([inner])).toEqual({ user: undefined, closed: inner });
  await chmod(inner, 0o711);
  expect(await chooseTaskUser([inner])).toEqual({ user: { uid: 65534, gid: 65534 } });
});

test('root says which directory keeps it from compiling as nobody, and opens its own whatever the umask', async () => {
  if (!isRoot) return;
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    {},
    { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const dirs = { baseDir: join(dir.path, 'base'), cacheDir: join(dir.path, 'cache') };
  await mkdir(join(dirs.cacheDir, 'npm'), { recursive: true, mode: 0o700 });
  await writeFile(join(dirs.cacheDir, 'npm', 'cached'), '');
  const closed = new Workspaces({ ...dirs, log });
  await closed.start();
  expect(closed.user).toBeUndefined();
  expect(lines).toEqual([expect.objectContaining({ event: 'compile-as-root', directory: dir.path })]);
  await chmod(dir.path, 0o711);
  const open = new Workspaces({ ...dirs, log });
  await open.start();
  expect(open.user).toEqual({ uid: 65534, gid: 65534 });
  expect(lines).toHaveLength(1);
  expect((await stat(join(dirs.cacheDir, 'npm', 'cached'))).uid).toBe(65534);
});

test('install scripts run as nobody, with the variables of the app and no way to change the droplet above app/', async () => {
  if (!isRoot) return;
  await chmod(dir.path, 0o711);
  const nats = await startNats();
  const controller = await startController(dir.path);
  const stager = await startStager({ natsUrl: nats.url, dir: dir.path });
  try {
    const app = join(dir.path, 'source');
    await mkdir(join(app, 'dep'), { recursive: true });
    const preinstall =
      'id -u > uid; echo $GREETING >> uid; echo x > ../staging_info.yml || echo denied >> uid';
    const manifest = {
      name: 'app',
      version: '1.0.0',
      dependencies: { dep: 'file:./dep' },
      scripts: { preinstall },
    };
    await writeFile(join(app, 'package.json'), JSON.stringify(manifest));
    await writeFile(join(app, 'dep', 'package.json'), '{"name":"dep","version":"1.0.0"}');
    await writeFile(join(app, 'server.js'), '', { mode: 0o600 });
    controller.zip = join(dir.path, 'app.zip');
    await zipDirectory(app, controller.zip);
    const reply = await stager.stage(startMessage(controller)).done;
    expect(reply).toMatchObject({ error: null });
    const droplet = join(dir.path, 'droplet');
    await unpackDroplet(controller.uploads[0]?.path ?? '', droplet);
    expect(await readFile(join(droplet, 'app', 'uid'), 'utf8')).toBe('65534\nhello\ndenied\n');
    expect((await stat(join(droplet, 'app', 'server.js'))).uid).toBe(0);
  } finally {
    await stager.stop();
    await controller.stop();
    await nats.stop();
  }
});
