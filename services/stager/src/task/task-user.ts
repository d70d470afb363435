import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Numbers of the user that runs what apps bring along. */
export interface TaskUser {
  readonly uid: number;
  readonly gid: number;
}

const NOBODY: TaskUser = { uid: 65534, gid: 65534 };

/**
 * The user for compile commands: `nobody` when the stager is root, otherwise undefined, meaning the stager's own user.
 * Programs resolve absolute paths, so `nobody` must be able to pass through all directories above `dirs`; the first
 * one that is shut to others is told as `closed`, and the user is then undefined too.
 */
export const chooseTaskUser = async (
  dirs: readonly string[],
): Promise<{ user: TaskUser | undefined; closed?: string }> => {
  if (process.getuid?.() !== 0) return { user: undefined };
  for (const dir of dirs) {
    for (const path of fromRootTo(await realpath(dir))) {
      if (((await stat(path)).mode & 0o001) === 0) return { user: undefined, closed: path };
    }
  }
  return { user: NOBODY };
};

/** `/`, then each directory on the way down, `path` itself last: the outermost closed one is what is worth telling. */
const fromRootTo = (path: string): string[] => {
  const parent = dirname(path);
  return parent === path ? [path] : [...fromRootTo(parent), path];
};
