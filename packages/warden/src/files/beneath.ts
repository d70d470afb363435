import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A FIFO is not waited for and a terminal not taken. */
export const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** The path of a name in an open directory; it reaches that very directory whatever becomes of its name. */
export const inDirectory = (directory: FileHandle, name: string): string =>
  `/proc/self/fd/${directory.fd}/${name}`;

/** Opens a directory by a path that is trusted. */
export const openRoot = (path: string): Promise<FileHandle> => open(path, DIRECTORY);

/** Opens a directory in an open one; a link in its place is refused with ELOOP or ENOTDIR. */
export const openDirectory = (parent: FileHandle, name: string): Promise<FileHandle> =>
  open(inDirectory(parent, name), DIRECTORY);

/** The parts of a relative path. Throws on what could leave the root. */
export function partsOf(relative: string): string[] {
  if (relative.includes('\0')) throw new Error('a path must not hold a NUL');
  const parts = relative.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error(`${relative} leads out of the container`);
  return parts;
}

/**
 * Opens the directory `parts` under `root`, one part after the other, without following any link, so that whoever owns
 * the tree may change it at any time and gains nothing.
 */
export async function openBeneath(root: string, parts: readonly string[]): Promise<FileHandle> {
  let current = await openRoot(root);
  for (const part of parts) {
    try {
      const next = await openDirectory(current, part);
      await current.close();
      current = next;
    } catch (error) {
      await current.close();
      throw error;
    }
  }
  return current;
}

/** Opens a file under `root` in the same way. */
export async function openFileBeneath(root: string, relative: string, flags: number): Promise<FileHandle> {
  const parts = partsOf(relative);
  const name = parts.pop();
  if (name === undefined) throw new Error('a file must have a name');
  const directory = await openBeneath(root, parts);
  try {
    return await open(inDirectory(directory, name), flags | constants.O_NOFOLLOW);
  } finally {
    await directory.close();
  }
}
