import { execFile, spawn } from 'node:child_process';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, tempDir } from '@vcap/testkit';
import { untilAnswer } from './first-answer.ts';
import type { Platform } from '../../test/support/platform.ts';

const run = promisify(execFile);

/** What the machine itself needs, in ms: the droplet unpacked, its server started and asked directly, by hand. */
export async function floorOfStart(droplet: string): Promise<number> {
  const dir = await tempDir('vcap-floor-');
  const port = await freePort();
  const root = join(dir.path, 'instance');
  try {
    await mkdir(root);
    const beganMs = performance.now();
    await run('tar', ['-xzf', droplet, '-C', root]);
    const server = spawn('node', ['server.js'], {
      cwd: join(root, 'app'),
      env: { PATH: process.env['PATH'], PORT: String(port) },
      stdio: 'ignore',
    });
    const gone = new Promise((resolve) => server.once('close', resolve));
    try {
      return await untilAnswer({ port, host: 'localhost' }, undefined, { beganMs });
    } finally {
      server.kill('SIGKILL');
      await gone;
    }
  } finally {
    await dir.remove();
  }
}

/** The droplet that came last into the DEA's cache. */
export async function newestDroplet(platform: Platform): Promise<string> {
  const dir = join(platform.home, 'dea-0', 'droplets');
  const paths = (await readdir(dir)).filter((name) => name.endsWith('.tgz')).map((name) => join(dir, name));
  const dated = await Promise.all(paths.map(async (path) => ({ path, atMs: (await stat(path)).mtimeMs })));
  const newest = dated.toSorted((a, b) => b.atMs - a.atMs)[0];
  if (!newest) throw new Error(`there is no droplet in ${dir}`);
  return newest.path;
}
