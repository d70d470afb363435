import { constants } from 'node:fs';
import { chmod, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readStat } from '../proc/proc-stat.ts';
import type { ContainerRecord } from '../snapshot-schema.ts';
import type { ContainerSpec, ProcessIdentity } from '../types.ts';
import { makeDisk, unmountDisk } from './disk.ts';
import { egressLines } from './egress.ts';
import { complaintIn } from './exec.ts';
import type { RuncHost } from './host.ts';
import { enableForwarding, makeNetwork, removeNetwork } from './network.ts';
import { ociConfig } from './oci-config.ts';
import { writeRecord } from './records.ts';

const DEFAULT_INODES = 200_000;
const SMALLEST_MEMORY_MB = 16;

/**
 * Makes disk, network, rules and cgroup of a container and starts its init program, which waits for the application. What
 * does not need another is made side by side. The record is written first, so that whatever comes later is found again.
 */
export async function buildContainer(host: RuncHost, spec: ContainerSpec): Promise<ContainerRecord> {
  check(spec);
  const files = host.owner.files(spec.handle);
  await mkdir(files.dir, { mode: 0o700 });
  const record: ContainerRecord = { spec, slot: -1, spawned: false, retired: false };
  try {
    record.slot = await host.claims.takeSlot(spec.handle);
    for (const port of spec.ports ?? []) await host.claims.takePort(port, spec.handle);
    await writeRecord(files, record);
    await prepare(host, record);
    record.process = await startInit(host, record);
    await Promise.all([connect(host, record, record.process), writeRecord(files, record)]);
    return record;
  } catch (error) {
    await unbuild(host, record).catch(() => undefined); // a sweep gets what is left
    throw error;
  }
}

function check(spec: ContainerSpec): void {
  if (!/^[\w-]{1,100}$/.test(spec.handle)) throw new Error(`not a container handle: ${spec.handle}`);
  if (spec.memoryMb < SMALLEST_MEMORY_MB)
    throw new Error(`a container needs ${SMALLEST_MEMORY_MB} MB of memory, not ${spec.memoryMb}`);
  if (spec.diskMb < 1 || spec.fds < 16)
    throw new Error('a container needs a disk of 1 MB and 16 descriptors');
  for (const port of spec.ports ?? [])
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`not a port: ${port}`);
  for (const rule of spec.egress ?? []) egressLines(rule);
}

async function prepare(host: RuncHost, record: ContainerRecord): Promise<void> {
  const { helpers, owner } = host;
  const { slot, spec } = record;
  const files = owner.files(spec.handle);
  const numbers = host.addresses.numbers(slot);
  const { diskMb, inodes = DEFAULT_INODES, rootDir } = spec;
  await Promise.all([mkdir(files.disk), mkdir(files.control)]);
  await chmod(files.control, 0o755); // seen by the application, whatever our umask
  // Wait for all of them, also when one failed: nothing may still be made while it is being removed.
  const results = await Promise.allSettled([
    makeDisk(helpers, files, { rootDir, diskMb, inodes, uid: numbers.uid }),
    enableForwarding(),
    host.firewall.add(firewallEntry(host, record)),
    writeConfig(host, record),
  ]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  if (results[0].status === 'fulfilled') record.emptyDisk = results[0].value;
}

/** How the firewall knows a container. */
export function firewallEntry({ addresses, owner }: RuncHost, { slot, spec }: ContainerRecord) {
  return {
    iface: owner.netName(slot),
    address: addresses.numbers(slot).address,
    ports: spec.ports ?? [],
    egress: spec.egress ?? [],
  };
}

async function writeConfig(host: RuncHost, { slot, spec }: ContainerRecord): Promise<void> {
  const { owner } = host;
  const files = owner.files(spec.handle);
  const paths = [...host.readOnlyPaths, ...(spec.readOnlyPaths ?? [])];
  const config = ociConfig({
    spec,
    files,
    skeleton: await host.roots.skeleton(spec.rootfs ?? '/', paths),
    numbers: host.addresses.numbers(slot),
    cgroup: owner.cgroup(spec.handle),
    initProgram: host.initProgram,
    swapLimit: host.swapLimit,
  });
  await writeFile(join(files.dir, 'config.json'), JSON.stringify(config), { mode: 0o600 });
}

/** Starts the container detached: its parent is nobody of ours, and so its life does not hang on ours. */
async function startInit(host: RuncHost, { spec }: ContainerRecord): Promise<ProcessIdentity> {
  const { helpers, owner, runtime } = host;
  const files = owner.files(spec.handle);
  const status = await open(files.status, constants.O_WRONLY | constants.O_NOFOLLOW);
  const life = await open(files.life, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const general = [runtime, '--root', owner.runtimeRoot, '--log', files.log, 'run', '--detach'] as const;
    const parameters = ['--preserve-fds', '2', '--pid-file', files.pid, '--bundle', files.dir, spec.handle];
    const code = await helpers.runDetached([...general, ...parameters], [status.fd, life.fd]);
    if (code !== 0) throw new Error(await complaintIn(files.log, code));
  } finally {
    await status.close();
    await life.close();
  }
  const pid = Number(await readFile(files.pid, 'utf8'));
  return { pid, startTime: (await readStat(pid))?.startTime ?? 0 };
}

function connect(
  { addresses, helpers, owner }: RuncHost,
  { slot, spec }: ContainerRecord,
  { pid }: ProcessIdentity,
): Promise<void> {
  const { bandwidth } = spec;
  return makeNetwork(helpers, {
    name: owner.netName(slot),
    pid,
    numbers: addresses.numbers(slot),
    bandwidth,
  });
}

/** Takes back all but the disk, which may be wanted still. What was never made is no error. */
export async function unbuildRuntime(host: RuncHost, { slot, spec }: ContainerRecord): Promise<void> {
  const { claims, firewall, helpers, owner, runtime } = host;
  await helpers.run([runtime, '--root', owner.runtimeRoot, 'delete', '--force', spec.handle]);
  if (slot < 0) return;
  const name = owner.netName(slot);
  await Promise.all([removeNetwork(helpers, name), firewall.remove(name)]);
  for (const port of spec.ports ?? []) await claims.release('ports', port, spec.handle);
}

/** Takes back the disk and what is known of the container. */
export async function unbuildDisk(
  { claims, helpers, owner }: RuncHost,
  record: ContainerRecord,
): Promise<void> {
  const { slot, spec } = record;
  const files = owner.files(spec.handle);
  await unmountDisk(helpers, files, spec.rootDir);
  // Who ended last may still be writing how: a folder that fills meanwhile is emptied again.
  await rm(files.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  if (slot >= 0) await claims.release('slots', slot, spec.handle);
}

async function unbuild(host: RuncHost, record: ContainerRecord): Promise<void> {
  await unbuildRuntime(host, record);
  await unbuildDisk(host, record);
}
