/** A program that makes and destroys containers until it is killed: `owner.ts <directory> <seed>`. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RuncWarden } from '../../src/index.ts';
import { systemClock } from '@vcap/clock';

const [dir = '', first = '0'] = process.argv.slice(2);
const warden = await RuncWarden.open({ clock: systemClock, stateDir: join(dir, 'state') });

/** Makes containers one after the other; every second one is left running. */
async function lane(name: string): Promise<void> {
  for (let count = 0; ; count += 1) {
    const handle = `${name}-${count}`;
    const rootDir = join(dir, handle);
    await mkdir(rootDir);
    const container = await warden.create({ handle, rootDir, memoryMb: 32, diskMb: 4, fds: 64, inodes: 64 });
    await container.spawn({
      argv: ['sleep', '1030'],
      cwd: 'app',
      env: { PATH: '/usr/bin:/bin' },
      stdoutPath: join(rootDir, 'logs/out'),
      stderrPath: join(rootDir, 'logs/err'),
    });
    if (count === 0) process.stdout.write('made one\n');
    if (count % 2 === 1) await container.destroy();
    if (count > 20) return;
  }
}

await Promise.all([lane(`a${first}`), lane(`b${first}`)]);
