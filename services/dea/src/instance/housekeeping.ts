import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { Snapshot } from '../snapshot/snapshot-file.ts';
import { adoptInstances } from './adoption.ts';
import type { InstanceManager } from './instance-manager.ts';
import { rotate } from './log-rotation.ts';
import type { InstanceWorld } from './parts.ts';
import { isLive } from './states.ts';

/** Settings of the instances as a member of the process. */
export interface HousekeepingOptions {
  world: InstanceWorld;
  manager: InstanceManager;
  /** What the DEA before us wrote. */
  snapshot: Snapshot | undefined;
  save: () => Promise<void>;
  logFileBytes: number;
  sampleMs: number;
  sweepMs: number;
  stopOnShutdown: boolean;
}

/** Adopts instances at start, keeps logs and crashed ones within bounds, and ends all of them when the DEA ends. */
export class Housekeeping implements Member {
  readonly name = 'instances';
  private readonly options: HousekeepingOptions;
  private timers: Timer[] = [];

  constructor(options: HousekeepingOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    const { manager, sampleMs, snapshot, sweepMs, world } = this.options;
    await mkdir(world.instancesDir, { recursive: true, mode: 0o700 });
    await adoptInstances(world, manager, snapshot);
    await this.options.save();
    this.timers = [
      world.clock.setInterval(() => void this.rotateLogs(), sampleMs),
      world.clock.setInterval(() => void this.sweep(), sweepMs),
    ];
  }

  async drain(): Promise<void> {
    if (this.timers.length > 0 && this.options.stopOnShutdown) await this.options.manager.stopAll();
  }

  async stop(): Promise<void> {
    if (this.timers.length === 0) return;
    for (const timer of this.timers.splice(0)) timer.cancel();
    this.options.world.warden.close();
    await this.options.save();
  }

  private async sweep(): Promise<void> {
    const { manager, world } = this.options;
    await manager
      .sweep()
      .catch((error: unknown) => world.log.error({ event: 'crash-sweep-failed', err: error }));
  }

  private async rotateLogs(): Promise<void> {
    for (const { rootDir, state } of this.options.world.registry.all()) {
      if (!isLive(state)) continue;
      for (const name of ['stdout.log', 'stderr.log'])
        await rotate(join(rootDir, 'logs', name), this.options.logFileBytes);
    }
  }
}
