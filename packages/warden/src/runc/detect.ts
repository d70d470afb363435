import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findLayout } from './cgroup.ts';
import { RuncWarden } from './runc-warden.ts';
import type { RuncWardenOptions } from './runc-warden.ts';
import { NEEDED, findInit, findRuntime, findTool } from './tools.ts';

/** Which back-end this host can run, and if it is not runc why. */
export type Backend = { isolation: 'runc' } | { isolation: 'process'; reason: string };

/**
 * Finds out by trying: a container is made next to `stateDir`, runs a command, and is removed. Takes a few tenths of a
 * second; never rejects.
 */
export async function detectBackend(options: RuncWardenOptions): Promise<Backend> {
  const missing = await whatIsMissing();
  if (missing !== undefined) return { isolation: 'process', reason: missing };
  try {
    await tryOne(options);
    return { isolation: 'runc' };
  } catch (error) {
    return { isolation: 'process', reason: `a container could not be started: ${(error as Error).message}` };
  }
}

async function whatIsMissing(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'not running as root';
  for (const [name, debianPackage] of Object.entries(NEEDED))
    if ((await findTool(name)) === undefined)
      return `${name} (Debian package ${debianPackage}) is not installed`;
  try {
    await findRuntime();
    await findInit();
  } catch (error) {
    return (error as Error).message;
  }
  if ((await findLayout()) === undefined)
    return 'the cgroup controllers memory, cpu and pids are not all mounted';
  return undefined;
}

/** Always in the same place, so that what a killed trial left is found by the next. */
async function tryOne(options: RuncWardenOptions): Promise<void> {
  const dir = `${options.stateDir}-try`;
  const rootDir = join(dir, 'root');
  await mkdir(rootDir, { recursive: true, mode: 0o700 });
  const warden = await RuncWarden.open({ ...options, stateDir: join(dir, 'state') });
  try {
    await warden.destroyOrphans();
    const spec = { handle: 'try', rootDir, memoryMb: 32, diskMb: 4, fds: 64, inodes: 100 };
    const container = await warden.create(spec);
    try {
      const { exitStatus } = await container.run({ argv: ['/bin/true'], cwd: '.', env: {} });
      if (exitStatus !== 0) throw new Error(`/bin/true ended with status ${exitStatus} in it`);
    } finally {
      await container.destroy();
    }
  } finally {
    await warden.destroyOrphans();
    warden.close();
    await rm(dir, { recursive: true, force: true });
  }
}
