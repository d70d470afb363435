import { statfsSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import type { Helpers } from './helpers.ts';
import type { ContainerFiles } from './owner.ts';

const MB = 1024 * 1024;
const BLOCK_BYTES = 4096;
const INODE_BYTES = 256;
/** Blocks that one bitmap block describes: a group of 128 MB. */
const GROUP_BYTES = BLOCK_BYTES * 8 * BLOCK_BYTES;
/** Bitmaps, descriptors and the copies of the superblock. */
const GROUP_OVERHEAD = 8 * BLOCK_BYTES;

/** Room for the status before the application runs; overwriting it needs no block, so a full disk cannot lose it. */
const EMPTY_STATUS = '\n'.repeat(8);

/** What a disk holds. */
export interface DiskUse {
  bytes: number;
  inodes: number;
}

/** Size of an image that leaves `bytes` to its user: tables and maps come on top. */
export function imageBytes(bytes: number, inodes: number): number {
  const content = bytes + inodes * INODE_BYTES + MB;
  const groups = Math.ceil(content / GROUP_BYTES) + 1;
  return Math.ceil((content + groups * GROUP_OVERHEAD) / MB) * MB;
}

/**
 * The FIFOs are no part of the disk, but one process does all of it, as starting processes is what takes the time. No journal: a disk lives no longer than the
 * host's uptime. Tables are left sparse and no kernel thread fills them in.
 */
const MAKE = `
set -e
image=$1 disk=$2 root=$3 inodes=$4 uid=$5 status=$6 life=$7 go=$8
mkfifo -m 600 "$life"
mkfifo -m 644 "$go"
mkfs.ext4 -q -F -b 4096 -m 0 -N "$inodes" -O ^has_journal,^resize_inode -E lazy_itable_init=1,nodiscard "$image"
mount -t ext4 -o loop,nosuid,nodev,noatime,noinit_itable "$image" "$disk"
rmdir "$disk/lost+found"
install -d -o "$uid" -g "$uid" -m 700 "$disk/home" "$disk/home/app" "$disk/home/logs" "$disk/home/tmp"
install -d -o "$uid" -g "$uid" -m 1777 "$disk/tmp"
printf '%s' "$status" >"$disk/status"
mount --bind "$disk/home" "$root"
`;

/** Makes and mounts the disk of a container; its home appears at `rootDir` too. Says what it holds while empty. */
export async function makeDisk(
  helpers: Helpers,
  files: ContainerFiles,
  wanted: { rootDir: string; diskMb: number; inodes: number; uid: number },
): Promise<DiskUse> {
  await writeFile(files.image, '', { mode: 0o600 });
  await truncate(files.image, imageBytes(wanted.diskMb * MB, wanted.inodes));
  const { disk, go, image, life } = files;
  const numbers = [String(wanted.inodes), String(wanted.uid)];
  const parameters = [image, disk, wanted.rootDir, ...numbers, EMPTY_STATUS, life, go];
  await helpers.run(['sh', '-c', MAKE, 'disk', ...parameters]);
  return rawUse(disk);
}

/** Lazily: who still reads a file of it may finish. The loop device goes with the last of them. */
const UNMOUNT = `
umount -l "$2" 2>/dev/null
umount -l "$1" 2>/dev/null
! mountpoint -q "$1"
`;

/** Takes the disk away; its image may be removed then. */
export const unmountDisk = (helpers: Helpers, files: ContainerFiles, rootDir: string): Promise<void> =>
  helpers.run(['sh', '-c', UNMOUNT, 'disk', files.disk, rootDir]);

/** What the application has on its disk; undefined when the disk is gone. */
export function diskUse(files: ContainerFiles, empty: DiskUse | undefined): DiskUse | undefined {
  try {
    const raw = rawUse(files.disk);
    return {
      bytes: Math.max(0, raw.bytes - (empty?.bytes ?? 0)),
      inodes: Math.max(0, raw.inodes - (empty?.inodes ?? 0)),
    };
  } catch {
    return undefined;
  }
}

function rawUse(disk: string): DiskUse {
  const { bsize, blocks, bfree, files, ffree } = statfsSync(disk);
  return { bytes: (blocks - bfree) * bsize, inodes: files - ffree };
}
