import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '@vcap/clock';
import { tempDir, waitFor } from '@vcap/testkit';
import { RuncWarden, detectBackend } from '@vcap/warden';
import type { Platform } from './platform.ts';

const run = promisify(execFile);

/** Why there can be no containers here; undefined when there can. Says so once, as tests are skipped for it. */
export async function whyNoContainers(): Promise<string | undefined> {
  const dir = await tempDir('vcap-e2e-probe');
  try {
    const found = await detectBackend({ clock: systemClock, stateDir: join(dir.path, 'state') });
    if (found.isolation === 'runc') return undefined;
    process.stderr.write(`skipped: tests of whole clusters with containers: ${found.reason}\n`);
    return found.reason;
  } finally {
    await dir.remove();
  }
}

/** What is left on this machine of a stopped cluster's containers, in words; takes it away as well. */
export async function sweepContainers(platform: Platform): Promise<string[]> {
  const left: string[] = [];
  for (const stateDir of await wardenDirectories(platform.home)) {
    const warden = await RuncWarden.open({ clock: systemClock, stateDir });
    try {
      // A loop device goes a moment after the last that held its disk.
      const isClean = async (): Promise<boolean> => (await warden.leftovers()).length === 0;
      await waitFor(isClean, { timeoutMs: 5000 }).catch(() => undefined);
      left.push(...(await warden.leftovers()));
      await warden.destroyOrphans();
    } finally {
      warden.close();
    }
  }
  return left;
}

/** Of DEAs and stagers. */
async function wardenDirectories(home: string): Promise<string[]> {
  const found: string[] = [];
  for (const component of await readdir(home).catch(() => [])) {
    if (!/^(dea|stager)-\d+$/.test(component)) continue;
    const entries = await readdir(join(home, component), { withFileTypes: true });
    for (const entry of entries)
      if (entry.isDirectory() && /^warden(-|$)/.test(entry.name))
        found.push(join(home, component, entry.name));
  }
  return found;
}

/** Host processes of an application's instances (of the one with the port): those whose environment says so. */
export async function processesOfApp(name: string, port?: number): Promise<number[]> {
  const wanted = [`VMC_APP_NAME=${name}`, ...(port === undefined ? [] : [`PORT=${port}`])];
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    const entries = environment.split('\0');
    if (wanted.every((entry) => entries.includes(entry))) found.push(Number(pid));
  }
  return found;
}

/** What a row of `vmc stats --json` says: percent of a core, KB of memory, bytes of disk. */
export interface Stats {
  port: number;
  disk_quota: number;
  usage: { cpu: number; mem: number; disk: number };
}

/** The rows of `vmc stats` of instances that run, of which there must be one. */
export async function statsOf(platform: Platform, name: string): Promise<[Stats, ...Stats[]]> {
  const rows = JSON.parse(await platform.ok('stats', name, '--json')) as Record<string, { stats?: Stats }>;
  const [first, ...others] = Object.values(rows).flatMap(({ stats }) => stats ?? []);
  if (first === undefined) throw new Error(`${name} has no instance`);
  return [first, ...others];
}

/** Bytes of memory by the kernel's two ways to count: of the processes, and of the cgroup the first of them is in. */
export async function memoryOf(pids: readonly number[]): Promise<{ resident: number; cgroup: number }> {
  let resident = 0;
  for (const pid of pids)
    resident += 1024 * field(await readFile(`/proc/${pid}/status`, 'utf8'), /^VmRSS:\s+(\d+)/m);
  const group = await readFile(`/proc/${pids[0]}/cgroup`, 'utf8');
  const v1 = /^\d+:(?:\S+,)?memory(?:,\S+)?:(.*)$/m.exec(group)?.[1];
  const v2 = /^0::(.*)$/m.exec(group)?.[1];
  const dir = v1 === undefined ? join('/sys/fs/cgroup', v2 ?? '') : join('/sys/fs/cgroup/memory', v1);
  const stat = await readFile(join(dir, 'memory.stat'), 'utf8');
  const cgroup =
    v1 === undefined
      ? Number(await readFile(join(dir, 'memory.current'), 'utf8')) - field(stat, /^inactive_file (\d+)/m)
      : field(stat, /^total_rss (\d+)/m) +
        field(stat, /^total_cache (\d+)/m) -
        field(stat, /^total_inactive_file (\d+)/m);
  return { resident, cgroup };
}

const field = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1]);

/** The own address of the container that a process is in. */
export async function addressOf(pid: number): Promise<string> {
  const table = await readFile(`/proc/${pid}/net/fib_trie`, 'utf8');
  const addresses = [...table.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address = '']) => address);
  const own = addresses.find((address) => !address.startsWith('127.'));
  if (own === undefined) throw new Error(`process ${pid} has no address`);
  return own;
}

/** Host processes that a pattern for their command lines fits; this one's own question is not among them. */
export async function processesLike(pattern: string): Promise<number[]> {
  const { stdout } = await run('pgrep', ['-f', '--', pattern]).catch(() => ({ stdout: '' }));
  return stdout.split('\n').filter(Boolean).map(Number);
}
