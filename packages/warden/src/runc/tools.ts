import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { HOST_PATH } from './helpers.ts';

/** Commands of the host that this back-end calls, and the Debian package of each. */
export const NEEDED: Record<string, string> = {
  nft: 'nftables',
  ip: 'iproute2',
  tc: 'iproute2',
  'mkfs.ext4': 'e2fsprogs',
  mount: 'mount',
  umount: 'mount',
  losetup: 'mount',
  mountpoint: 'util-linux',
  nsenter: 'util-linux',
  install: 'coreutils',
  mkfifo: 'coreutils',
  bash: 'bash',
};
const RUNTIMES = ['runc', 'crun'];
const INITS = ['tini-static', 'tini'];

/** Full path of a program; undefined when the host has none of that name. */
export async function findTool(name: string): Promise<string | undefined> {
  for (const dir of HOST_PATH.split(':')) {
    const path = join(dir, name);
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}

/** The OCI runtime; rejects when there is none. */
export const findRuntime = (): Promise<string> => firstOf(RUNTIMES, 'no OCI runtime (runc)');

/** The init program; rejects when there is none. */
export const findInit = (): Promise<string> => firstOf(INITS, 'no init program for containers (tini)');

async function firstOf(names: readonly string[], complaint: string): Promise<string> {
  for (const name of names) {
    const path = await findTool(name);
    if (path !== undefined) return path;
  }
  throw new Error(`${complaint} is installed`);
}
