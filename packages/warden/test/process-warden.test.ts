import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { ProcessWarden, containerSnapshotSchema } from '../src/index.ts';
import type { Container } from '../src/index.ts';

let dir: TempDir;
let warden: ProcessWarden;
const containers: Container[] = [];

beforeEach(async () => {
  dir = await tempDir('warden');
  await mkdir(join(dir.path, 'root/app'), { recursive: true });
  warden = newWarden();
});
afterEach(async () => {
  for (const container of containers.splice(0)) await container.destroy();
  warden.close();
  await dir.remove();
});

function newWarden(): ProcessWarden {
  return new ProcessWarden({
    clock: systemClock,
    stateDir: join(dir.path, 'state'),
    sampleMs: 50,
    diskSampleMs: 100,
  });
}

async function start(
  script: string,
  limits: { memoryMb?: number; diskMb?: number } = {},
): Promise<Container> {
  const rootDir = join(dir.path, 'root');
  const container = await warden.create({
    handle: `h-${containers.length}`,
    rootDir,
    memoryMb: 512,
    diskMb: 64,
    fds: 256,
    ...limits,
  });
  containers.push(container);
  await container.spawn({
    argv: ['bash', '-c', script],
    cwd: 'app',
    env: { PATH: '/usr/bin:/bin', GREETING: `it's "quoted" $HOME` },
    stdoutPath: join(rootDir, 'out'),
    stderrPath: join(rootDir, 'err'),
  });
  return container;
}
const out = (): Promise<string> => readFile(join(dir.path, 'root/out'), 'utf8');
const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a process container', () => {
  test('passes environment and arguments untouched and reports the exit status', async () => {
    const container = await start('echo "$GREETING"; ulimit -n; pwd; exit 7');
    expect(await container.wait()).toEqual({ exitStatus: 7, reason: 'exited' });
    expect(await out()).toBe(`it's "quoted" $HOME\n256\n${join(dir.path, 'root/app')}\n`);
  });

  test('reports 128 + 9 for a process killed from outside', async () => {
    const container = await start('echo $$; exec sleep 60');
    const pid = await waitFor(async () => Number((await out()).trim()));
    process.kill(pid, 'SIGKILL');
    expect(await container.wait()).toEqual({ exitStatus: 137, reason: 'exited' });
  });

  test('stops on TERM without KILL', async () => {
    const container = await start('trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done');
    await waitFor(async () => (await out()).includes('ready'));
    expect(await container.stop(5000)).toEqual({ killed: false });
    expect((await container.wait()).exitStatus).toBe(3);
  });

  test('kills one that ignores TERM after the grace and says so', async () => {
    const container = await start('trap "" TERM; echo ready; while :; do sleep 0.05; done');
    await waitFor(async () => (await out()).includes('ready'));
    expect(await container.stop(200)).toEqual({ killed: true });
    expect((await container.wait()).exitStatus).toBe(137);
  });

  test('takes along processes that left the session when the application ends', async () => {
    const container = await start('setsid sleep 60 & echo $!; sleep 60 & echo $!; exit 0');
    await container.wait();
    const pids = (await out()).trim().split('\n').map(Number);
    expect(pids).toHaveLength(2);
    await waitFor(() => pids.every((pid) => !isRunning(pid)));
  });

  test('ends one that takes more memory than its quota', async () => {
    const eat = `exec ${process.execPath} -e 'global.b=Buffer.alloc(2e8,1);setInterval(()=>{},1e3)'`;
    const container = await start(eat, { memoryMb: 100 });
    expect(await container.wait()).toEqual({ exitStatus: 137, reason: 'out of memory' });
  });

  test('ends one that takes more disk than its quota', async () => {
    const container = await start('head -c 3000000 /dev/zero >big; exec sleep 60', { diskMb: 2 });
    expect((await container.wait()).reason).toBe('out of disk');
  });

  test('measures memory, processor, disk and processes', async () => {
    const container = await start('while :; do :; done');
    const info = await waitFor(() => container.info().cpuFraction > 0.2 && container.info());
    expect(info).toMatchObject({ isolation: 'process', pids: 1 });
    expect(info.memBytes).toBeGreaterThan(500_000);
    await waitFor(() => container.info().diskBytes > 0);
  });

  test('is adopted by another warden through its snapshot, which still learns the exit status', async () => {
    const container = await start('trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done');
    await waitFor(async () => (await out()).includes('ready'));
    const snapshot = containerSnapshotSchema.parse(JSON.parse(JSON.stringify(container.snapshot())));
    const second = newWarden();
    const adopted = await second.adopt(snapshot);
    expect(await adopted?.stop(5000)).toEqual({ killed: false });
    expect(await adopted?.wait()).toEqual({ exitStatus: 5, reason: 'exited' });
    second.close();
  });

  test('is not adopted when its number belongs to another process now', async () => {
    const other = spawn('sleep', ['60']);
    await once(other, 'spawn');
    const spec = { handle: 'gone', rootDir: dir.path, memoryMb: 1, diskMb: 1, fds: 1 };
    const snapshot = { isolation: 'process' as const, spec, process: { pid: other.pid ?? 0, startTime: 1 } };
    expect(await warden.adopt(snapshot)).toBeUndefined();
    expect(isRunning(other.pid ?? 0)).toBe(true);
    other.kill('SIGKILL');
  });

  test('survives the death of its warden and is destroyed as an orphan by the next', async () => {
    await start('exec sleep 60');
    const before = containers[0]?.snapshot().process?.pid ?? 0;
    const second = newWarden();
    expect(await second.destroyOrphans()).toEqual(['h-0']);
    await waitFor(() => !isRunning(before));
    second.close();
  });

  test('unpacks a droplet and passes on the complaint about a broken one', async () => {
    const container = await warden.create({
      handle: 'u',
      rootDir: join(dir.path, 'root'),
      memoryMb: 1,
      diskMb: 1,
      fds: 1,
    });
    await writeFile(join(dir.path, 'broken.tgz'), 'not gzip');
    await expect(container.unpack(join(dir.path, 'broken.tgz'))).rejects.toThrow(/gzip|tar/);
  });

  test('refuses a handle that could be a path', async () => {
    const spec = { handle: '../x', rootDir: dir.path, memoryMb: 1, diskMb: 1, fds: 1 };
    await expect(warden.create(spec)).rejects.toThrow('not a container handle');
  });
});
