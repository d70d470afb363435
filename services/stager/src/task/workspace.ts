import { chmod, chown, lchown, lstat, mkdir, mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { processStartTime } from './process-identity.ts';
import type { TaskUser } from './task-user.ts';

/** The directories of one task. Only `app`, `logs`, `tmp` and `home` belong to the task's user. */
export interface Workspace {
  readonly root: string;
  /** Becomes the droplet's top. */
  readonly staged: string;
  readonly app: string;
  readonly home: string;
  readonly zip: string;
  readonly droplet: string;
}

const AT_ONCE = 64;
const PREFIX = /^task-(\d+)-(\d+)-/;

/** Makes the directories of a task; the name says which process owns them. */
export const createWorkspace = async (baseDir: string): Promise<Workspace> => {
  const root = await mkdtemp(join(baseDir, `task-${process.pid}-${processStartTime('self') ?? '0'}-`));
  await chmod(root, 0o711);
  const staged = join(root, 'staged');
  const app = join(staged, 'app');
  const home = join(root, 'home');
  for (const path of [staged, app, join(staged, 'logs'), join(staged, 'tmp'), home]) await mkdir(path);
  return { root, staged, app, home, zip: join(root, 'app.zip'), droplet: join(root, 'droplet.tgz') };
};

/** Hands a tree to the task's user; links themselves change hands, not what they point to. */
export const giveTo = async (user: TaskUser | undefined, path: string): Promise<void> => {
  if (!user) return;
  await lchown(path, user.uid, user.gid);
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  for (let from = 0; from < entries.length; from += AT_ONCE) {
    const some = entries.slice(from, from + AT_ONCE);
    await Promise.all(some.map((entry) => lchown(join(entry.parentPath, entry.name), user.uid, user.gid)));
  }
};

/** Makes a directory that the task's user may write to. */
export const makeOwnedDir = async (user: TaskUser | undefined, path: string): Promise<void> => {
  await mkdir(path, { recursive: true });
  if (user) await chown(path, user.uid, user.gid);
};

/** Like {@link makeOwnedDir}; what another user cached there before changes hands too, for npm fails on files not its own. */
export const makeCacheDir = async (user: TaskUser | undefined, path: string): Promise<void> => {
  await mkdir(path, { recursive: true });
  if (user && (await lstat(path)).uid !== user.uid) await giveTo(user, path);
};

/** Removes a workspace, however deep and whatever the modes in it. */
export const removeTree = async (root: string): Promise<void> => {
  try {
    await rm(root, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // An app may hold directories without write permission: open them and try once more.
    await openDirectories(root);
    await rm(root, { recursive: true, force: true, maxRetries: 3 });
  }
};

const openDirectories = async (path: string): Promise<void> => {
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await openDirectories(join(path, entry.name));
  }
};

/**
 * Removes the workspaces of stagers that are gone, after killing what still runs in them.
 * @returns the names of the removed directories
 */
export const sweepWorkspaces = async (baseDir: string): Promise<string[]> => {
  const removed: string[] = [];
  for (const name of await readdir(baseDir)) {
    const [, pid, startTime] = PREFIX.exec(name) ?? [];
    if (pid === undefined || processStartTime(Number(pid)) === startTime) continue;
    await killProcessesIn(join(baseDir, name));
    await removeTree(join(baseDir, name));
    removed.push(name);
  }
  return removed;
};

const killProcessesIn = async (root: string): Promise<void> => {
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (!cwd.startsWith(`${root}/`)) continue;
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // Gone meanwhile.
    }
  }
};
