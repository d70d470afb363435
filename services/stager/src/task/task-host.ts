import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { EgressRule } from '@vcap/warden';
import type { AppCaches } from '../cache/app-caches.ts';
import type { StagerConfig } from '../config.ts';
import type { ContainerLimits } from '../container/limit-error.ts';
import type { Toolchain } from '../container/toolchain.ts';
import { egressTo } from '../container/own-egress.ts';
import { passedOn } from './compile-environment.ts';
import type { RoomSpec, Rooms } from './rooms.ts';

/** What all tasks of one stager share. */
export interface StagingHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly config: StagerConfig;
  readonly caches: AppCaches;
  readonly tools: () => Toolchain;
  readonly rooms: Rooms;
}

/** Ceilings of a task: an app that may use more disk than the configuration says gets it here too. */
export const limitsOf = (
  diskMb: number | undefined,
  { config }: Pick<StagingHost, 'config'>,
): ContainerLimits => ({
  memoryMb: config.memory_limit_mb,
  diskMb: Math.ceil(Math.max(diskMb ?? 0, config.disk_limit_mb)),
  inodes: config.container.inodes,
  pids: config.container.pids,
});

/** The container of a task with these ceilings. `egress`: rules for what the operator's own variables name. */
export const roomSpec = (
  limits: ContainerLimits,
  { config, tools }: Pick<StagingHost, 'config' | 'tools'>,
  egress: readonly EgressRule[],
): RoomSpec => {
  const { bandwidth, cpu_cores: cores, fds, read_only_paths: paths, rootfs } = config.container;
  const seen = new Set([...tools().readOnlyPaths, ...paths]);
  return {
    ...limits,
    fds,
    ...(cores === undefined ? {} : { cpuCores: cores }),
    ...(bandwidth && {
      bandwidth: { bytesPerSecond: bandwidth.rate_bytes, burstBytes: bandwidth.burst_bytes },
    }),
    egress: [...config.container.egress, ...egress],
    readOnlyPaths: [...seen].map((source) => ({ source })),
    ...(rootfs === undefined ? {} : { rootfs }),
  };
};

/** Makes a room ahead for the next task that has the usual ceilings. Does not wait for it; never rejects. */
export const prepareRoom = async (host: StagingHost): Promise<void> => {
  const egress = await egressTo(passedOn(process.env, host.config.compile_env));
  host.rooms.prepare(roomSpec(limitsOf(undefined, host), host, egress));
};
