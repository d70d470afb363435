import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { ProcessWarden } from '../src/index.ts';
import type { Container } from '../src/index.ts';
import { isRunning } from './support/processes.ts';

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

describe('a process container', () => {
  test('reports 128 + 9 for a process killed from outside', async () => {
    const container = await start('echo $$; exec sleep 60');
    const pid = await waitFor(async () => Number((await out()).trim()));
    process.kill(pid, 'SIGKILL');
    expect(await container.wait()).toEqual({ exitStatus: 137, reason: 'exited' });
  });

  test('ends one that takes more disk than its quota', async () => {
    const container = await start('head -c 3000000 /dev/zero >big; exec sleep 60', { diskMb: 2 });
    expect((await container.wait()).reason).toBe('out of disk');
  });

  test('takes away what a command left behind, in a session of its own, before there was an application', async () => {
    const rootDir = join(dir.path, 'root');
    const container = await warden.create({ handle: 'h-run', rootDir, memoryMb: 512, diskMb: 64, fds: 256 });
    let text = '';
    const script = 'setsid sleep 60 >/dev/null 2>&1 & echo $!';
    await container.run({
      argv: ['bash', '-c', script],
      cwd: 'app',
      env: { PATH: '/usr/bin:/bin' },
      onOutput: (chunk) => (text += chunk.toString()),
    });
    const pid = Number(text.trim());
    expect(pid).toBeGreaterThan(1);
    await container.destroy();
    await waitFor(() => !isRunning(pid));
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
});
