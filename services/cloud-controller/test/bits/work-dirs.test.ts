import { spawnSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { tempDir } from '@vcap/testkit';
import { WorkDirs } from '../../src/bits/work-dirs.ts';
import { ownerTag } from '../../src/bits/work-owner.ts';

test('folders of processes that are gone go at the start; those of running ones and of other hosts stay', async () => {
  const dir = await tempDir('work-dirs');
  const { path } = dir;
  try {
    const { pid } = spawnSync('true');
    const own = `vcap-upload-${ownerTag()}aaaaaa`;
    const dead = own.replace(`-${process.pid}-`, `-${pid}-`);
    const reused = own.replace(/-\d+-aaaaaa$/, '-1-aaaaaa');
    const foreign = dead.replace('vcap-upload-', 'vcap-upload-other');
    for (const name of [own, dead, reused, foreign, 'vcap-upload-untagged'])
      await mkdir(join(path, name, 'content'), { recursive: true });
    const dirs = new WorkDirs(path, new FakeClock(Date.now()), silentLogger);
    expect((await readdir(path)).sort()).toEqual([own, foreign, 'vcap-upload-untagged'].sort());
    await dirs.use(async (folder) => expect(folder).toContain(ownerTag()));
    expect(await readdir(path)).toHaveLength(3);
  } finally {
    await dir.remove();
  }
});
