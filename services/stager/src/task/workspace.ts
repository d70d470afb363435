import { execFile } from 'node:child_process';
import { chmod, lchown, mkdir, mkdtemp, readdir, readlink, rm, stat } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { processStartTime } from '@vcap/component';

/** The directories of one task. */
export interface Workspace {
  /** Unique on this host for as long as it runs. */
  readonly name: string;
  readonly root: string;
  /** Where the task's container has its directory: the droplet's top. */
  readonly top: string;
  readonly zip: string;
  readonly droplet: string;
  /** FIFOs; each for one use. */
  readonly pipes: { readonly droplet: string; readonly cache: string };
}

const execute = promisify(execFile);
const AT_ONCE = 64;
const ownPrefix = (): string => `task-${process.pid}-${processStartTime('self') ?? '0'}-`;
const PREFIX = /^task-(\d+)-(\d+)-/;
/** Of the droplet's top. What is below `tmp` does not get into the droplet. */
export const SCRATCH = { home: 'tmp/home', tmp: 'tmp', cache: 'tmp/cache' } as const;

/** Makes the directories of a task; the name says which process owns them. */
export const createWorkspace = async (baseDir: string): Promise<Workspace> => {
  const root = await mkdtemp(join(baseDir, ownPrefix()));
  const inside = (name: string): string => join(root, name);
  const pipes = { droplet: inside('droplet-pipe'), cache: inside('cache-pipe') };
  await execute('mkfifo', ['-m', '600', pipes.droplet, pipes.cache]);
  await mkdir(inside('top'), { mode: 0o700 });
  const files = { zip: inside('app.zip'), droplet: inside('droplet.tgz') };
  return { name: basename(root), root, top: inside('top'), ...files, pipes };
};

/** Where a task's zip goes until it has a workspace; it is swept like one. */
export const newZipPath = (baseDir: string): string => join(baseDir, `${ownPrefix()}${randomUUID()}.zip`);

/** Makes the scratch directories in a container in which nothing has run yet. */
export const makeScratch = async ({ top }: Workspace): Promise<void> => {
  const owner = await stat(join(top, 'tmp'));
  for (const name of [SCRATCH.home, SCRATCH.cache]) {
    await mkdir(join(top, name), { mode: 0o700 });
    await lchown(join(top, name), owner.uid, owner.gid);
  }
};

/**
 * Hands the app's files to the user of the task's container, whoever that is. Only while nothing has run in it: names are
 * trusted.
 */
export const handOver = async ({ top }: Workspace): Promise<void> => {
  const app = join(top, 'app');
  const { gid, uid } = await stat(app);
  if (uid === process.getuid?.()) return;
  const entries = await readdir(app, { withFileTypes: true, recursive: true });
  for (let from = 0; from < entries.length; from += AT_ONCE) {
    const some = entries.slice(from, from + AT_ONCE);
    // Links themselves change hands, not what they point to.
    await Promise.all(some.map((entry) => lchown(join(entry.parentPath, entry.name), uid, gid)));
  }
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
 * Removes the workspaces of stagers that are gone, after killing what still runs in them: commands of a container without
 * namespaces are known by their directory alone.
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

/** Kills every process whose working directory is below `root`. */
export const killProcessesIn = async (root: string): Promise<void> => {
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
