import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { lstat, mkdir, open, readdir, readlink, symlink, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, normalize } from 'node:path';
import { READ, inDirectory, openBeneath, openDirectory, openRoot, partsOf } from './beneath.ts';

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const MODE_BITS = 0o777;

/** Whom the copies belong to; the caller when it is left out. */
export interface Owner {
  uid: number;
  gid: number;
}

interface Copy {
  owner: Owner | undefined;
  /** Existing files are replaced; otherwise they are an error. */
  replace: boolean;
}

/** Copies the host's `hostPath` to `relative` under `root`, a tree that a stranger may be changing. */
export async function copyIn(hostPath: string, root: string, relative: string, owner?: Owner): Promise<void> {
  const parts = partsOf(relative);
  const name = parts.pop() ?? '.';
  const source = await openRoot(dirname(hostPath));
  try {
    const target = await openBeneath(root, parts);
    try {
      await copyEntry(source, basename(hostPath), target, name, [], { owner, replace: true });
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Copies `relative` under `root`, a tree that a stranger may be changing, to the host's new `hostPath`. */
export async function copyOut(root: string, relative: string, hostPath: string): Promise<void> {
  const parts = partsOf(relative);
  const name = parts.pop() ?? '.';
  const source = await openBeneath(root, parts);
  try {
    const target = await openRoot(dirname(hostPath));
    try {
      const copied = await copyEntry(source, name, target, basename(hostPath), [], {
        owner: undefined,
        replace: false,
      });
      if (!copied) throw new Error(`${relative} is neither a file nor a directory`);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Copies one name; `depth` holds the names above it. False when it is something that is not copied. */
async function copyEntry(
  source: FileHandle,
  from: string,
  target: FileHandle,
  to: string,
  depth: string[],
  copy: Copy,
): Promise<boolean> {
  const seen = await lstat(inDirectory(source, from));
  if (seen.isSymbolicLink()) return copyLink(source, from, target, to, depth, copy);
  if (!seen.isFile() && !seen.isDirectory()) return false;
  const entry = await open(inDirectory(source, from), READ);
  try {
    // What was opened counts, not what was seen.
    const stat = await entry.stat();
    if (stat.isFile()) await copyFile(entry, stat, target, to, copy);
    else if (stat.isDirectory()) await copyDirectory(entry, stat, target, to, depth, copy);
    else return false;
    return true;
  } finally {
    await entry.close();
  }
}

async function copyFile(
  entry: FileHandle,
  stat: Stats,
  target: FileHandle,
  to: string,
  copy: Copy,
): Promise<void> {
  const path = inDirectory(target, to);
  if (copy.replace) await unlink(path).catch(ignoreMissing);
  const written = await open(path, CREATE, 0o600);
  try {
    const buffer = Buffer.allocUnsafe(128 * 1024);
    for (;;) {
      const { bytesRead } = await entry.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      await written.writeFile(buffer.subarray(0, bytesRead));
    }
    await finish(written, stat, copy);
  } finally {
    await written.close();
  }
}

async function copyDirectory(
  entry: FileHandle,
  stat: Stats,
  target: FileHandle,
  to: string,
  depth: string[],
  copy: Copy,
): Promise<void> {
  if (to !== '.')
    await mkdir(inDirectory(target, to), 0o700).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' || !copy.replace) throw error;
    });
  const made = await openDirectory(target, to);
  try {
    for (const name of await readdir(`/proc/self/fd/${entry.fd}`))
      await copyEntry(entry, name, made, name, [...depth, name], copy);
    if (to !== '.') await finish(made, stat, copy);
  } finally {
    await made.close();
  }
}

/** A link is copied as it stands when it stays inside of what is copied. */
async function copyLink(
  source: FileHandle,
  from: string,
  target: FileHandle,
  to: string,
  depth: string[],
  copy: Copy,
): Promise<boolean> {
  const text = await readlink(inDirectory(source, from));
  const outside = text.startsWith('/') || normalize(join(...depth.slice(0, -1), '.', text)).startsWith('..');
  if (outside) return false;
  if (copy.replace) await unlink(inDirectory(target, to)).catch(ignoreMissing);
  await symlink(text, inDirectory(target, to));
  return true;
}

async function finish(made: FileHandle, stat: Stats, { owner }: Copy): Promise<void> {
  if (owner !== undefined) await made.chown(owner.uid, owner.gid);
  await made.chmod(stat.mode & MODE_BITS);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
