import { createHash } from 'node:crypto';
import {
  access,
  chmod,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ReadOnlyPath } from '../types.ts';
import type { Helpers } from './helpers.ts';
import { startScript } from './launch.ts';

/** Where things are in a container. */
export const HOME = '/home/vcap';
export const CONTROL = '/run/warden';
export const INIT = '/run/init';
export const START = '/run/start';

/** Directories of a userland that containers see; links among them are made anew. */
const USERLAND = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'opt'];
/** What is needed of a userland's /etc; nothing else of it is seen. */
const ETC_COPIED = [
  'alternatives',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'mime.types',
  'protocols',
  'services',
  'ssl/certs',
  'ssl/openssl.cnf',
];
const OWN_DIRECTORIES = ['etc', 'proc', 'dev', 'tmp', 'home/vcap', 'run/warden', 'var/tmp'];

/** An empty root directory, with what is mounted into it. */
export interface Skeleton {
  /** The directory: read-only in the container. */
  root: string;
  /** Private /etc. */
  etc: string;
  /** Directories to mount at their place under `root`, source and target. */
  binds: { source: string; target: string }[];
}

/** Makes the root directories of containers under `dir`, one for each set of userland and paths. */
export class RootFilesystems {
  private readonly dir: string;
  private readonly dns: readonly string[];
  private readonly helpers: Helpers;
  private readonly made = new Map<string, Promise<Skeleton>>();

  constructor(dir: string, dns: readonly string[], helpers: Helpers) {
    this.dir = dir;
    this.helpers = helpers;
    this.dns = dns;
  }

  skeleton(userland: string, paths: readonly ReadOnlyPath[]): Promise<Skeleton> {
    const key = createHash('sha256')
      .update(JSON.stringify([userland, paths]))
      .digest('hex')
      .slice(0, 12);
    let skeleton = this.made.get(key);
    if (skeleton === undefined) {
      skeleton = this.make(join(this.dir, `root-${key}`), userland, paths);
      this.made.set(key, skeleton);
      skeleton.catch(() => this.made.delete(key));
    }
    return skeleton;
  }

  /** Made aside and renamed, so that one left half-made by a killed warden is not taken for whole. */
  private async make(dir: string, userland: string, paths: readonly ReadOnlyPath[]): Promise<Skeleton> {
    const skeleton: Skeleton = { root: join(dir, 'root'), etc: join(dir, 'etc'), binds: [] };
    const draft = `${dir}.${process.pid}`;
    for (const path of [dirname(this.dir), this.dir]) {
      await mkdir(path, { recursive: true });
      await chmod(path, 0o755);
    }
    await rm(draft, { recursive: true, force: true });
    for (const path of OWN_DIRECTORIES)
      await mkdir(join(draft, 'root', path), { recursive: true, mode: 0o755 });
    await writeFile(join(draft, 'root', INIT), '');
    await writeFile(join(draft, 'root', START), startScript(CONTROL));
    for (const name of USERLAND) {
      const source = join(userland, name);
      const stat = await lstat(source).catch(() => undefined);
      if (stat?.isSymbolicLink()) await symlink(await readlink(source), join(draft, 'root', name));
      if (!stat?.isDirectory()) continue;
      await mkdir(join(draft, 'root', name));
      skeleton.binds.push({ source, target: `/${name}` });
    }
    for (const { source, target = source } of paths) {
      checkTarget(source, target);
      if (target === '/usr' || target.startsWith('/usr/') || target.startsWith('/opt/')) {
        if (target !== source) throw new Error(`read-only path ${target} is inside the userland`);
        continue;
      }
      // Below /tmp the runtime makes the place, on the container's own disk.
      if (!isBelowTmp(target)) await mkdir(join(draft, 'root', target), { recursive: true, mode: 0o755 });
      skeleton.binds.push({ source, target });
    }
    await this.makeEtc(join(draft, 'etc'), join(userland, 'etc'));
    await openToAll(draft);
    await rm(dir, { recursive: true, force: true });
    await rename(draft, dir);
    return skeleton;
  }

  private async makeEtc(etc: string, from: string): Promise<void> {
    await mkdir(join(etc, 'ssl'), { recursive: true, mode: 0o755 });
    for (const group of ['', 'ssl']) {
      const paths = ETC_COPIED.filter((path) => dirname(path) === (group === '' ? '.' : group));
      const there = await Promise.all(paths.map((path) => exists(join(from, path))));
      const sources = paths.filter((_, index) => there[index]).map((path) => join(from, path));
      if (sources.length > 0) await this.helpers.run(['cp', '-a', '--', ...sources, join(etc, group)]);
    }
    const servers = this.dns.map((address) => `nameserver ${address}\n`).join('');
    const files = {
      passwd:
        'root:x:0:0:root:/root:/bin/false\nvcap:x:1000:1000:vcap:/home/vcap:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n',
      group: 'root:x:0:\nvcap:x:1000:\nnogroup:x:65534:\n',
      hosts: '127.0.0.1 localhost\n',
      'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
      'resolv.conf': servers,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(etc, name), text, { mode: 0o644 });
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Whatever umask we run with: the container's users are strangers to the host. */
async function openToAll(dir: string): Promise<void> {
  await chmod(dir, 0o755);
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) await openToAll(join(dir, entry.name));
    else if (entry.isFile()) await chmod(join(dir, entry.name), 0o644);
  }
}

/** Such a place can be mounted only once the container's own /tmp is there. */
export const isBelowTmp = (target: string): boolean => target.startsWith('/tmp/');

/** Mounted there, a directory would hide, or be, what the container stands on. */
function checkTarget(source: string, target: string): void {
  const parts = target.split('/').slice(1);
  const plain = parts.length > 0 && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!source.startsWith('/') || !target.startsWith('/') || !plain)
    throw new Error(`read-only path ${target}: not an absolute path`);
  const own = ['etc', 'proc', 'dev', 'sys', 'bin', 'sbin', 'lib', 'lib64'];
  const first = parts[0] ?? '';
  if (
    own.includes(first) ||
    target === '/tmp' ||
    target === '/home' ||
    target.startsWith(HOME) ||
    target === '/run'
  )
    throw new Error(`read-only path ${target} would cover a directory of the container's own`);
}

/** The host's name servers; those on its loopback are of no use to a container. */
export async function hostNameServers(): Promise<string[]> {
  for (const file of ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const found = [...text.matchAll(/^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm)].map(
      (match) => match[1] ?? '',
    );
    const usable = found.filter((address) => !address.startsWith('127.'));
    if (usable.length > 0) return usable;
  }
  return [];
}
