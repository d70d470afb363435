import type { Clock } from '@vcap/clock';
import type { Logger } from '@vcap/bus';
import type { Warden } from '@vcap/warden';
import type { DropletCache } from '../droplets/droplet-cache.ts';
import type { LogHub } from '../logs/log-hub.ts';
import type { PortPool } from '../placement/port-pool.ts';
import type { ContainerDefaults } from './container-spec.ts';
import type { Instance } from './instance.ts';
import type { InstanceState } from './states.ts';
import type { Registry } from './registry.ts';

/** Everything that work on instances needs; made once in the composition root. */
export interface InstanceWorld {
  clock: Clock;
  log: Logger;
  registry: Registry;
  warden: Warden;
  ports: PortPool;
  droplets: DropletCache;
  logs: LogHub;
  /** Directory of the instances' directories. */
  instancesDir: string;
  /** Address that applications are reached at. */
  host: string;
  /** PATH of applications. */
  path: string;
  containers: ContainerDefaults;
  /** Of a start message that does not say. */
  healthCheckTimeoutMs: number;
  /** Of one check. */
  checkTimeoutMs: number;
  stopGraceMs: number;
  /** No application gets more. */
  maxStopGraceMs: number;
  /** Between the last request that the router may send and TERM, for an instance whose replacement runs. */
  evacuationDrainMs: number;
  /** Told of each change of state, after it. */
  stateChanged(instance: Instance, from: InstanceState): void;
  /** Told when something else worth saving changed. */
  changed(): void;
}
