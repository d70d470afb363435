import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { tempDir } from '@vcap/testkit';
import { openWarden } from '@vcap/warden';
import type { Container, Isolation, Warden } from '@vcap/warden';
import { AppFiles } from '../src/container/app-files.ts';
import { TaskContainer } from '../src/container/task-container.ts';
import type { CommandOptions } from '../src/container/task-container.ts';
import { eventually } from './support/eventually.ts';
import { describeWithEach } from './support/isolations.ts';

const commands = (isolation: Isolation): void => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let warden: Warden;
  let container: Container;
  let abort: AbortController;
  let lines: string[];
  let count = 0;

  beforeAll(async () => {
    dir = await tempDir('task-container');
    const stateDir = join(dir.path, 'state');
    ({ warden } = await openWarden({ clock: systemClock, stateDir, sampleMs: 50, backend: isolation }));
  });
  beforeEach(async () => {
    lines = [];
    abort = new AbortController();
    const rootDir = join(dir.path, `root-${(count += 1)}`);
    await mkdir(rootDir);
    container = await warden.create({ ...limits, handle: `t-${count}`, rootDir, fds: 256 });
  });
  afterEach(() => container.destroy());
  afterAll(async () => {
    await warden.destroyOrphans();
    warden.close();
    await dir.remove();
  });

  const limits = { memoryMb: 100, diskMb: 16, inodes: 500, pids: 50 };
  const inside = (): TaskContainer =>
    new TaskContainer({
      container,
      limits,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', ONLY: 'this' },
      signal: abort.signal,
      onLine: (line) => lines.push(line),
    });
  const run = (script: string, options: CommandOptions = {}): Promise<number> =>
    inside().run(['bash', '-c', script], options);
  const top = (): string => container.snapshot().spec.rootDir;

  test('hands over lines of both outputs and the exit status, with nothing of our environment', async () => {
    expect(await run('echo one; echo two >&2; printf three; exit 4')).toBe(4);
    expect(lines.toSorted()).toEqual(['one', 'three', 'two']);
    lines = [];
    process.env['NOT_THIS'] = 'x';
    await run('env | cut -d= -f1');
    expect(lines).toContain('ONLY');
    expect(lines).not.toContain('NOT_THIS');
  });

  test('an abort ends it with its children and throws its reason', async () => {
    const running = run('sleep 1000 & touch started; wait');
    await eventually(() => stat(join(top(), 'app/started')));
    abort.abort(new Error('task stopped'));
    await expect(running).rejects.toThrow('task stopped');
  });

  test('one that does not exist is an error or a status', async () => {
    const none = inside().run(['no-such-program']);
    if (isolation === 'runc') expect(await none).toBe(127);
    else await expect(none).rejects.toThrow('ENOENT');
  });

  test('too much memory is told as such', async () => {
    await expect(run('exec tail /dev/zero')).rejects.toMatchObject({
      type: 'OutOfMemory',
      message: 'staging needed more than 100 MB of memory',
    });
  });

  test('output without end ends the command', async () => {
    await expect(run('exec yes')).rejects.toThrow('a command wrote more than 64 MB of output');
    expect(lines.length).toBeGreaterThan(1000);
  });

  if (isolation === 'process') return;

  test('daemons that it leaves end with it, and it with them', async () => {
    expect(await run('setsid sleep 1000 & sleep 1000 & setsid sleep 1000 >/dev/null 2>&1 & exit 3')).toBe(3);
    expect((await container.measure()).pids).toBe(2);
    expect(await run('exit 4')).toBe(4);
  });

  test('one whose daemons cannot be ended is left when it is aborted', async () => {
    const running = inside().run([
      'sh',
      '-c',
      'setsid sh -c "while :; do sleep 1000; done" & touch up; kill -9 $PPID',
    ]);
    await eventually(() => stat(join(top(), 'app/up')));
    abort.abort(new Error('task stopped'));
    await expect(running).rejects.toThrow('task stopped');
  });

  test('a full disk is told as such: bytes, files, and also when the rest was removed again', async () => {
    const full = { type: 'OutOfDisk', message: 'staging needed more than 16 MB of disk' };
    await expect(run('head -c 50M /dev/zero >big')).rejects.toMatchObject(full);
    await expect(run('head -c 50M /dev/zero >big || { rm big; exit 1; }')).rejects.toMatchObject(full);
    const many = 'rm -f big; for n in {1..2000}; do : >f$n || exit 1; done 2>/dev/null';
    await expect(run(many)).rejects.toThrow('staging made more than 500 files');
  });

  test('too many processes are told as such', async () => {
    // dash: bash would try again and again
    const bomb = 'while :; do sleep 1000 & done';
    await expect(inside().run(['sh', '-c', bomb])).rejects.toThrow(
      'staging ran more than 50 processes at once',
    );
  });
};

describeWithEach('a command of a task in a container', commands);

describe('files of an app', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  beforeEach(async () => {
    dir = await tempDir('app-files');
    await mkdir(join(dir.path, 'app/inner'), { recursive: true });
    await writeFile(join(dir.path, 'secret'), 'secret');
    await writeFile(join(dir.path, 'app/inner/real'), 'text');
  });
  afterEach(() => dir.remove());
  const files = (): AppFiles => new AppFiles(join(dir.path, 'app'));

  test('links inside count', async () => {
    await symlink('inner/real', join(dir.path, 'app/link'));
    expect(await files().text('link')).toBe('text');
    expect(await files().has('inner')).toBe(false);
    expect(await files().top()).toEqual([]);
  });

  test.each(['../secret', '/etc/passwd', 'nowhere', 'loop'])('a link to %s is no file', async (target) => {
    await symlink(target, join(dir.path, 'app/loop'));
    expect(await files().has('loop')).toBe(false);
    expect(await files().text('loop')).toBeUndefined();
  });

  test('a directory that leads out is none of it, nor is the app itself when it was replaced', async () => {
    await symlink('..', join(dir.path, 'app/up'));
    expect(await files().text('up/secret')).toBeUndefined();
    await rm(join(dir.path, 'app'), { recursive: true });
    await symlink('.', join(dir.path, 'app'));
    expect(await files().text('secret')).toBeUndefined();
    await expect(files().top()).rejects.toThrow('not there any more');
  });
});
