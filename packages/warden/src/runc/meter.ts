import type { Clock } from '@vcap/clock';
import type { ContainerInfo } from '../types.ts';
import type { Cgroup } from './cgroup.ts';
import { diskUse } from './disk.ts';
import type { DiskUse } from './disk.ts';
import type { ContainerFiles } from './owner.ts';

/** A kill for want of memory explains an end within this time after it. */
const OOM_MEMORY_MS = 5000;

/** Takes samples of a container's cgroup and disk. */
export class Meter {
  private readonly clock: Clock;
  private readonly cgroup: Cgroup;
  private readonly files: ContainerFiles;
  private sampledAtMs: number | undefined;
  private oomRoseAtMs: number | undefined;
  private oomSeen: number | undefined;
  /** The last sample; zeros before the first. */
  info: ContainerInfo;

  constructor(clock: Clock, cgroup: Cgroup, files: ContainerFiles, address: string) {
    this.clock = clock;
    this.cgroup = cgroup;
    this.files = files;
    this.info = {
      isolation: 'runc',
      memBytes: 0,
      cpuFraction: 0,
      diskBytes: 0,
      pids: 0,
      inodes: 0,
      cpuNanoseconds: 0,
      oomKills: 0,
      address,
    };
  }

  sample(emptyDisk: DiskUse | undefined): ContainerInfo {
    const use = this.cgroup.use();
    const disk = diskUse(this.files, emptyDisk);
    const now = this.clock.monotonic();
    if (disk !== undefined) this.info = { ...this.info, diskBytes: disk.bytes, inodes: disk.inodes };
    if (use === undefined) return this.info;
    const elapsedNs = this.sampledAtMs === undefined ? 0 : (now - this.sampledAtMs) * 1e6;
    const usedNs = use.cpuNanoseconds - this.info.cpuNanoseconds;
    // Samples too close to each other would tell nonsense: the kernel counts by ticks.
    const cpuFraction = elapsedNs > 2e7 ? Math.max(0, usedNs / elapsedNs) : this.info.cpuFraction;
    if (elapsedNs === 0 || elapsedNs > 2e7) this.sampledAtMs = now;
    const cpuNanoseconds = this.sampledAtMs === now ? use.cpuNanoseconds : this.info.cpuNanoseconds;
    this.noteOom(use.oomKills);
    this.info = { ...this.info, ...use, cpuNanoseconds, cpuFraction };
    return this.info;
  }

  /** Whether an end at this moment has to do with memory. */
  endedByMemory(exitStatus: number): boolean {
    if (exitStatus === 0) return false;
    this.noteOom(this.cgroup.oomKills());
    const { oomKills } = this.info;
    const lately =
      this.oomRoseAtMs !== undefined && this.clock.monotonic() - this.oomRoseAtMs < OOM_MEMORY_MS;
    return oomKills > 0 && (exitStatus === 137 || lately);
  }

  /** Kills of before this meter's time did not happen lately. */
  private noteOom(kills: number): void {
    if (this.oomSeen !== undefined && kills > this.oomSeen) this.oomRoseAtMs = this.clock.monotonic();
    this.oomSeen = Math.max(kills, this.oomSeen ?? 0);
    this.info = { ...this.info, oomKills: this.oomSeen };
  }

  /** For a container just made: any kill is one that it will see. */
  startFresh(): void {
    this.oomSeen = 0;
  }
}
