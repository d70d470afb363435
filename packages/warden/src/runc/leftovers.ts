import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cgroupsUnder, Cgroup, removeCgroup } from './cgroup.ts';
import type { RuncHost } from './host.ts';
import { loopsUnder, readMounts } from './mounts.ts';
import { removeNetwork } from './network.ts';
import { OWNER_VARIABLE } from './owner.ts';

/** Something of ours on the machine that belongs to no container that we know. */
export interface Leftover {
  kind:
    'helper' | 'process' | 'cgroup' | 'runtime' | 'network' | 'mount' | 'loop' | 'files' | 'slots' | 'ports';
  name: string;
  /** The container it was for, where that can be told. */
  handle?: string;
  remove(): Promise<unknown>;
}

/** What is not left over. */
export interface Known {
  handles: ReadonlySet<string>;
  /** Those whose disk alone is known: their network and processes would be left over. */
  retired: ReadonlySet<string>;
  slots: ReadonlySet<number>;
  /** Marker of helpers of this very warden. */
  marker: string;
}

/** Looks at the machine itself, not at what we wrote down. In the order in which things can be removed. */
export async function findLeftovers(host: RuncHost, known: Known): Promise<Leftover[]> {
  const kinds = [helpers, processes, runtimes, cgroups, networks, mounts, loops, files, claims];
  const found: Leftover[] = [];
  for (const kind of kinds) found.push(...(await kind(host, known)));
  return found;
}

const runs = ({ handles, retired }: Known, handle: string): boolean =>
  handles.has(handle) && !retired.has(handle);

function killer(pid: number): () => Promise<void> {
  return async () => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ended already
    }
  };
}

async function helpers({ owner }: RuncHost, { marker }: Known): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    const value = environment.split('\0').find((text) => text.startsWith(`${OWNER_VARIABLE}=${owner.id}:`));
    if (value === undefined || value === `${OWNER_VARIABLE}=${marker}`) continue;
    found.push({ kind: 'helper', name, remove: killer(pid) });
  }
  return found;
}

async function processes({ cgroups: layout, owner }: RuncHost, known: Known): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const handle of (await cgroupsUnder(layout, owner.cgroupParent)) ?? []) {
    if (runs(known, handle)) continue;
    for (const pid of new Cgroup(layout, owner.cgroup(handle)).processes())
      found.push({ kind: 'process', name: String(pid), handle, remove: killer(pid) });
  }
  return found;
}

async function runtimes({ helpers: tools, owner, runtime }: RuncHost, known: Known): Promise<Leftover[]> {
  const names = await readdir(owner.runtimeRoot).catch(() => []);
  const left = names.filter((handle) => !runs(known, handle));
  return left.map((handle) => ({
    kind: 'runtime',
    name: handle,
    handle,
    // A container that was made by half is refused by the runtime; its directory is all there is of it.
    remove: async () => {
      await tools
        .run([runtime, '--root', owner.runtimeRoot, 'delete', '--force', handle])
        .catch(() => undefined);
      await rm(join(owner.runtimeRoot, handle), { recursive: true, force: true });
    },
  }));
}

async function cgroups({ cgroups: layout, owner }: RuncHost, known: Known): Promise<Leftover[]> {
  const names = await cgroupsUnder(layout, owner.cgroupParent);
  if (names === undefined) return [];
  const found: Leftover[] = names
    .filter((handle) => !runs(known, handle))
    .map((handle) => ({
      kind: 'cgroup',
      name: owner.cgroup(handle),
      handle,
      remove: () => removeCgroup(layout, owner.cgroup(handle)),
    }));
  if (known.handles.size > known.retired.size) return found;
  const parent = owner.cgroupParent;
  return [...found, { kind: 'cgroup', name: parent, remove: () => removeCgroup(layout, parent) }];
}

async function networks({ helpers: tools, owner }: RuncHost, { slots }: Known): Promise<Leftover[]> {
  const names = await readdir('/sys/class/net');
  return names
    .filter(
      (name) => name.startsWith(owner.netPrefix) && !slots.has(Number(name.slice(owner.netPrefix.length))),
    )
    .map((name) => ({ kind: 'network', name, remove: () => removeNetwork(tools, name) }));
}

async function mounts({ helpers: tools, owner }: RuncHost, known: Known): Promise<Leftover[]> {
  const [all, devices] = await Promise.all([readMounts(), loopsByHandle(owner.stateDir)]);
  const found: Leftover[] = [];
  for (const { device, point } of all) {
    const handle = handleUnder(owner.stateDir, point) ?? devices.get(device)?.handle;
    if (handle === undefined || known.handles.has(handle)) continue;
    found.push({ kind: 'mount', name: point, handle, remove: () => tools.run(['umount', '-l', point]) });
  }
  return found;
}

async function loops({ helpers: tools, owner }: RuncHost, known: Known): Promise<Leftover[]> {
  const devices = [...(await loopsByHandle(owner.stateDir)).values()];
  return devices
    .filter(({ handle }) => !known.handles.has(handle))
    .map(({ handle, path }) => ({
      kind: 'loop',
      name: path,
      handle,
      remove: () => tools.run(['losetup', '-d', path]),
    }));
}

async function files({ owner }: RuncHost, known: Known): Promise<Leftover[]> {
  const names = await readdir(owner.stateDir).catch(() => []);
  return names
    .filter((handle) => !known.handles.has(handle))
    .map((handle) => ({
      kind: 'files',
      name: owner.files(handle).dir,
      handle,
      remove: async () => {
        // Were something still mounted there, it would be emptied: that is for the next sweep.
        if ((await readMounts()).some(({ point }) => handleUnder(owner.stateDir, point) === handle)) return;
        await rm(owner.files(handle).dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
      },
    }));
}

async function claims({ claims: all }: RuncHost, { handles }: Known): Promise<Leftover[]> {
  const left = (await all.all()).filter(({ handle }) => !handles.has(handle));
  return left.map(({ handle, kind, number }) => ({
    kind,
    name: String(number),
    handle,
    remove: () => all.release(kind, number, handle),
  }));
}

/** Loop devices of ours by `major:minor`. */
async function loopsByHandle(stateDir: string): Promise<Map<string, { handle: string; path: string }>> {
  const found = new Map<string, { handle: string; path: string }>();
  for (const [device, { file, path }] of await loopsUnder(stateDir)) {
    const handle = handleUnder(stateDir, file);
    if (handle !== undefined) found.set(device, { handle, path });
  }
  return found;
}

function handleUnder(stateDir: string, path: string): string | undefined {
  return path.startsWith(`${stateDir}/`) ? path.slice(stateDir.length + 1).split('/')[0] : undefined;
}

/** Whether the owner's table is there. */
export async function hasTable({ helpers: tools, owner }: RuncHost): Promise<boolean> {
  return tools.run(['nft', 'list', 'table', 'inet', owner.table]).then(
    () => true,
    () => false,
  );
}
