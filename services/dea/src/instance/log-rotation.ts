import { constants } from 'node:fs';
import { copyFile, lstat, truncate } from 'node:fs/promises';

/**
 * Keeps a log that another process appends to below `maxBytes`: its content is copied to `<path>.1` (over the older
 * copy) and the file cut to nothing. Lines written between copy and cut are lost. Says whether it was due.
 */
export async function rotate(path: string, maxBytes: number): Promise<boolean> {
  try {
    const stat = await lstat(path);
    if (!stat.isFile() || stat.size <= maxBytes) return false;
    const older = await lstat(`${path}.1`).catch(() => undefined);
    if (older !== undefined && !older.isFile()) return false;
    await copyFile(path, `${path}.1`, constants.COPYFILE_FICLONE);
    await truncate(path, 0);
    return true;
  } catch {
    return false; // the instance's files are being removed
  }
}
