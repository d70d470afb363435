import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { runProgram } from './programs.ts';

/** Packs a directory; files that come or go meanwhile are taken or not. */
export async function saveFiles(root: string, to: string): Promise<void> {
  if (!existsSync(root)) throw new Error(`${root} does not exist`);
  const flags = ['--numeric-owner', '--warning=no-file-changed', '--warning=no-file-removed'];
  try {
    await runProgram(['tar', ...flags, '-C', root, '-cf', to, '.']);
  } catch (error) {
    // 1: something changed while it was read.
    if (!/ended with 1:/.test((error as Error).message)) throw error;
  }
}

/** Unpacks beside, then takes the place of the directory. */
export async function restoreFiles(from: string, root: string): Promise<void> {
  const fresh = `${root}.restored`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  await runProgram(['tar', '--numeric-owner', '-C', fresh, '-xpf', from]);
  if (!(await isMountPoint(root))) {
    await rm(root, { recursive: true, force: true });
    await rename(fresh, root);
    return;
  }
  for (const name of await readdir(root)) await rm(`${root}/${name}`, { recursive: true, force: true });
  await runProgram(['cp', '-a', `${fresh}/.`, root]);
  await rm(fresh, { recursive: true, force: true });
}

/** Such a directory cannot be renamed over. */
async function isMountPoint(path: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  return (await stat(path)).dev !== (await stat(`${path}/..`)).dev;
}

export const filesHaveData = async (root: string): Promise<boolean> =>
  existsSync(root) && (await readdir(root)).length > 0;
