import type { DeaConfig } from './config.ts';
import type { ContainerDefaults } from './instance/container-spec.ts';
import type { LogHubOptions } from './logs/log-hub.ts';
import type { Runtime } from './runtimes/runtimes.ts';

/** What every container gets, from the configuration and the runtimes that are there. */
export function containerDefaults({ container }: DeaConfig, runtimes: readonly Runtime[]): ContainerDefaults {
  const { bandwidth } = container;
  const needs = new Set(runtimes.flatMap((runtime) => runtime.needs));
  return {
    inodes: container.inodes,
    pids: container.pids,
    memoryToCpuShares: container.memory_to_cpu_share_ratio,
    minCpuShares: container.min_cpu_share,
    maxCpuShares: container.max_cpu_share,
    bandwidth: bandwidth && { bytesPerSecond: bandwidth.rate_bytes, burstBytes: bandwidth.burst_bytes },
    egress: container.egress,
    rootfs: container.rootfs,
    readOnlyPaths: [...needs].map((source) => ({ source })),
  };
}

/** The log streams' part of the configuration. */
export function logSettings(
  config: DeaConfig,
): Pick<LogHubOptions, 'fileBytes' | 'keepBytes' | 'limits' | 'intervalMs' | 'lingerMs'> {
  const { log_stream: stream } = config;
  return {
    fileBytes: config.log_file_bytes,
    keepBytes: stream.keep_bytes,
    limits: {
      linesPerSecond: stream.lines_per_second,
      bytesPerSecond: stream.bytes_per_second,
      burstLines: stream.burst_lines,
      burstBytes: stream.burst_bytes,
    },
    intervalMs: stream.interval * 1000,
    lingerMs: stream.linger * 1000,
  };
}
