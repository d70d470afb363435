import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Numbers of the user that runs what apps bring along. */
export interface TaskUser {
  readonly uid: number;
  readonly gid: number;
}

const NOBODY: TaskUser = { uid: 65534, gid: 65534 };

/**
 * The user for compile commands: `nobody` when the stager is root and others may pass through all
 * directories above `dirs`; otherwise undefined, meaning the stager's own user.
 */
export const chooseTaskUser = async (dirs: readonly string[]): Promise<TaskUser | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  for (const dir of dirs) {
    for (let path = resolve(dir); ; path = dirname(path)) {
      if (((await stat(path)).mode & 0o001) === 0) return undefined;
      if (path === dirname(path)) break;
    }
  }
  return NOBODY;
};
