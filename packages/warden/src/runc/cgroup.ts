import { readFileSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readMounts } from './mounts.ts';
import type { Mount } from './mounts.ts';

/** Where the controllers are. */
export interface CgroupLayout {
  version: 1 | 2;
  /** Mount point of each controller that we use; the same for all on v2. */
  memory: string;
  cpu: string;
  pids: string;
  /** Every mounted hierarchy: the runtime makes directories in all of them. */
  hierarchies: string[];
}

/** Figures of one container, as the kernel counts them. */
export interface CgroupUse {
  memBytes: number;
  cpuNanoseconds: number;
  pids: number;
  oomKills: number;
}

/** Finds the hierarchies; undefined when memory, cpuacct or pids is not there. */
export function layoutOf(mounts: readonly Mount[]): CgroupLayout | undefined {
  const v1 = mounts.filter(({ type }) => type === 'cgroup');
  const v2 = mounts.find(({ type }) => type === 'cgroup2');
  const hierarchies = [...v1, ...(v2 ? [v2] : [])].map(({ point }) => point);
  const point = (controller: string): string | undefined =>
    v1.find(({ superOptions }) => superOptions.includes(controller))?.point;
  const [memory, cpu, pids] = [point('memory'), point('cpuacct'), point('pids')];
  if (memory !== undefined && cpu !== undefined && pids !== undefined)
    return { version: 1, memory, cpu, pids, hierarchies };
  if (v2 === undefined || memory !== undefined) return undefined;
  return { version: 2, memory: v2.point, cpu: v2.point, pids: v2.point, hierarchies };
}

/** The layout of this host. */
export const findLayout = async (): Promise<CgroupLayout | undefined> => layoutOf(await readMounts());

/** The cgroup of one container. */
export class Cgroup {
  private readonly layout: CgroupLayout;
  private readonly path: string;

  /** `path` under each hierarchy. */
  constructor(layout: CgroupLayout, path: string) {
    this.layout = layout;
    this.path = path;
  }

  /** Figures of now; undefined when the cgroup is gone. */
  use(): CgroupUse | undefined {
    try {
      return this.layout.version === 1 ? this.useV1() : this.useV2();
    } catch {
      return undefined;
    }
  }

  /** 0 when the cgroup is gone. */
  oomKills(): number {
    try {
      const name = this.layout.version === 1 ? 'memory.oom_control' : 'memory.events';
      return fieldOf(this.read(this.layout.memory, name), 'oom_kill');
    } catch {
      return 0;
    }
  }

  /** Its processes, as the host numbers them. */
  processes(): number[] {
    try {
      return this.read(this.layout.pids, 'cgroup.procs').split('\n').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  }

  private useV1(): CgroupUse {
    const { cpu, memory, pids } = this.layout;
    const stat = this.read(memory, 'memory.stat');
    const [rss, cache, idle] = ['total_rss', 'total_cache', 'total_inactive_file'].map((name) =>
      fieldOf(stat, name),
    );
    return {
      memBytes: (rss ?? 0) + (cache ?? 0) - (idle ?? 0),
      cpuNanoseconds: Number(this.read(cpu, 'cpuacct.usage')),
      pids: Number(this.read(pids, 'pids.current')),
      oomKills: this.oomKills(),
    };
  }

  private useV2(): CgroupUse {
    const { memory } = this.layout;
    const idle = fieldOf(this.read(memory, 'memory.stat'), 'inactive_file');
    return {
      memBytes: Math.max(0, Number(this.read(memory, 'memory.current')) - idle),
      cpuNanoseconds: fieldOf(this.read(memory, 'cpu.stat'), 'usage_usec') * 1000,
      pids: Number(this.read(memory, 'pids.current')),
      oomKills: this.oomKills(),
    };
  }

  /** Nothing waits here: the kernel writes these files as they are read, and a thread for each would cost five times as much. */
  private read(hierarchy: string, name: string): string {
    return readFileSync(join(hierarchy, this.path, name), 'utf8');
  }
}

/** Names of the cgroups under `parent`, whatever the hierarchy; undefined when `parent` itself is nowhere. */
export async function cgroupsUnder(layout: CgroupLayout, parent: string): Promise<string[] | undefined> {
  const names = new Set<string>();
  let found = false;
  for (const hierarchy of layout.hierarchies) {
    const entries = await readdir(join(hierarchy, parent), { withFileTypes: true }).catch(() => undefined);
    if (entries === undefined) continue;
    found = true;
    for (const entry of entries) if (entry.isDirectory()) names.add(entry.name);
  }
  return found ? [...names] : undefined;
}

/** Removes an empty cgroup from every hierarchy; one that is in use stays. */
export async function removeCgroup(layout: CgroupLayout, path: string): Promise<void> {
  for (const hierarchy of layout.hierarchies) await rmdir(join(hierarchy, path)).catch(() => undefined);
}

function fieldOf(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}
