import type { Stats } from 'node:fs';
import { open, readlink, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { READ } from './beneath.ts';

/** An open file or directory that is certainly inside its root. */
export interface OpenEntry {
  handle: FileHandle;
  stat: Stats;
  /** Path that reaches this very entry whatever happens to its name. */
  fdPath: string;
}

/** Why a path is not served. */
export type OpenRefusal = 'forbidden' | 'not found';

/**
 * Opens `relative` under `root` for reading. Links are followed as long as they stay inside. The opened descriptor,
 * not the name, is compared with the root, so swapping a directory for a link meanwhile gains nothing. Only files and
 * directories; a FIFO is neither waited for nor opened to be read.
 */
export async function openInside(root: string, relative: string): Promise<OpenEntry | OpenRefusal> {
  if (relative.includes('\0')) return 'not found';
  if (relative.split('/').includes('..')) return 'forbidden';
  let handle: FileHandle | undefined;
  try {
    // The root may have been replaced by a link too: its own name is not followed.
    const realRoot = join(await realpath(dirname(root)), basename(root));
    const path = await realpath(join(realRoot, relative));
    if (!isInside(realRoot, path)) return 'forbidden';
    handle = await open(path, READ);
    const fdPath = `/proc/self/fd/${handle.fd}`;
    const stat = await handle.stat();
    const served = stat.isFile() || stat.isDirectory();
    if (served && isInside(realRoot, await readlink(fdPath))) {
      const entry = { handle, stat, fdPath };
      handle = undefined;
      return entry;
    }
    return 'forbidden';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'ELOOP' || code === 'ENXIO' ? 'forbidden' : 'not found';
  } finally {
    await handle?.close();
  }
}

const isInside = (root: string, path: string): boolean => path === root || path.startsWith(root + sep);
