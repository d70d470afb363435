import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { tempDir, waitFor } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { ProcessWarden, openWarden } from '../src/index.ts';
import { runcMissing } from './support/backends.ts';
import { isRunning } from './support/processes.ts';

describe('the choice of a back-end', () => {
  let dir: TempDir;
  beforeEach(async () => {
    dir = await tempDir('warden');
  });
  afterEach(() => dir.remove());
  const options = () => ({ clock: systemClock, stateDir: join(dir.path, 'state') });

  test('takes the better one that works here, and says why when it is the other', async () => {
    const { reason, warden } = await openWarden(options());
    warden.close();
    expect(warden.isolation).toBe(runcMissing === undefined ? 'runc' : 'process');
    // Each was found out in a directory of its own, which the reason may name.
    const anywhere = (text: string | undefined) => text?.replaceAll(/\S*\/state-try\S*/g, 'DIR');
    expect(anywhere(reason)).toBe(anywhere(runcMissing));
    expect((await readdir(dir.path)).filter((name) => name.includes('try'))).toEqual([]);
  });

  test('takes plain processes when told to, with that as the reason', async () => {
    const { reason, warden } = await openWarden({ ...options(), backend: 'process' });
    warden.close();
    expect(warden.isolation).toBe('process');
    expect(reason).toMatch('the configuration asks for plain processes');
  });
});

(runcMissing === undefined ? describe : describe.skip)('a change of back-end', () => {
  test('ends plain processes of before', async () => {
    const dir = await tempDir('warden');
    const options = { clock: systemClock, stateDir: join(dir.path, 'state') };
    const rootDir = join(dir.path, 'root');
    await mkdir(rootDir);
    const before = new ProcessWarden(options);
    const container = await before.create({ handle: 'old', rootDir, memoryMb: 64, diskMb: 8, fds: 64 });
    const { pid } = await container.spawn({
      argv: ['sleep', '1060'],
      cwd: '.',
      env: { PATH: '/usr/bin:/bin' },
      stdoutPath: join(rootDir, 'out'),
      stderrPath: join(rootDir, 'err'),
    });
    before.close();
    const { warden } = await openWarden({ ...options, backend: 'runc' });
    await waitFor(() => !isRunning(pid));
    expect(warden.isolation).toBe('runc');
    warden.close();
    await dir.remove();
  });
});
