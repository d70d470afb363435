import { mkdir } from 'node:fs/promises';
import { newTrace } from '@vcap/bus';
import type { Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { Snapshot } from '../snapshot/snapshot-file.ts';
import { adoptInstances } from './adoption.ts';
import { measureCrash, surplusCrashes } from './crashes.ts';
import type { CrashLimits } from './crashes.ts';
import type { InstanceManager } from './instance-manager.ts';
import type { Liveness } from './liveness.ts';
import type { InstanceWorld } from './parts.ts';

/** Settings of the instances as a member of the process. */
export interface HousekeepingOptions {
  world: InstanceWorld;
  manager: InstanceManager;
  liveness: Liveness;
  /** What the DEA before us wrote. */
  snapshot: Snapshot | undefined;
  save: () => Promise<void>;
  sweepMs: number;
  crashes: CrashLimits;
  stopOnShutdown: boolean;
}

/** Adopts instances at start, keeps crashed ones within bounds, and ends all of them when the DEA ends. */
export class Housekeeping implements Member {
  readonly name = 'instances';
  private readonly options: HousekeepingOptions;
  private timer: Timer | undefined;
  private sweeping = false;

  constructor(options: HousekeepingOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    const { manager, snapshot, sweepMs, world } = this.options;
    await mkdir(world.instancesDir, { recursive: true, mode: 0o700 });
    await adoptInstances(world, manager, snapshot);
    await this.options.save();
    this.timer = world.clock.setInterval(() => void this.sweepOnce(), sweepMs);
  }

  async drain(): Promise<void> {
    if (this.timer !== undefined && this.options.stopOnShutdown) await this.options.manager.stopAll();
  }

  async stop(): Promise<void> {
    if (this.timer === undefined) return;
    this.timer.cancel();
    this.options.liveness.close();
    await this.options.world.logs.stop();
    this.options.world.warden.close();
    await this.options.save();
  }

  private async sweepOnce(): Promise<void> {
    if (this.sweeping) return;
    this.sweeping = true;
    try {
      await this.sweep();
    } catch (error) {
      this.options.world.log.error({ event: 'crash-sweep-failed', err: error });
    } finally {
      this.sweeping = false;
    }
  }

  private async sweep(): Promise<void> {
    const { crashes, manager, world } = this.options;
    const { clock, log, registry } = world;
    const now = clock.now();
    for (const instance of registry.all()) {
      if (!instance.stuck) continue;
      log.warn({ event: 'stop-retried', instance: instance.id, trace_id: instance.trace.traceId });
      void manager.stop(instance, instance.trace);
    }
    const crashed = registry.all().filter(({ state }) => state === 'CRASHED');
    for (const instance of crashed) await measureCrash(instance);
    for (const instance of surplusCrashes(crashed, crashes, now)) {
      log.info({ event: 'crash-forgotten', instance: instance.id, droplet: instance.message.droplet });
      await manager.stop(instance, newTrace());
    }
  }
}
