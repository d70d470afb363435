import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes allocated and entries under a directory; links are not followed, a file with many names counts once. */
export async function diskUsage(root: string): Promise<{ bytes: number; inodes: number }> {
  const seen = new Set<string>();
  const pending = [root];
  let bytes = 0;
  let inodes = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    try {
      const stat = await lstat(path);
      if (stat.nlink > 1 && !stat.isDirectory()) {
        const inode = `${stat.dev}:${stat.ino}`;
        if (seen.has(inode)) continue;
        seen.add(inode);
      }
      inodes += 1;
      bytes += stat.blocks * 512;
      if (stat.isDirectory()) {
        for await (const entry of await opendir(path)) pending.push(join(path, entry.name));
      }
    } catch {
      // removed while we looked, or not ours to read: it does not count
    }
  }
  return { bytes, inodes };
}
