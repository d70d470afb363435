import type { DeaAdvertise, DropletExited, FindDropletReply, Heartbeat, RouterRegister } from '@vcap/bus';
import { crashText } from '../instance/crashes.ts';
import type { Instance } from '../instance/instance.ts';
import { v1Time } from '../instance/environment.ts';
import type { Registry } from '../instance/registry.ts';
import { isReported, isRouted } from '../instance/states.ts';
import type { Runtime } from '../runtimes/runtimes.ts';

/** Who this DEA is and what it has. */
export interface DeaFacts {
  id: string;
  index: number;
  ip: string;
  memoryMb: number;
  diskMb: number;
  zone: string;
  runtimes: readonly Runtime[];
  /** How far instances are kept apart. */
  isolation: string;
  /** The file server, as find replies tell it. */
  files: { uri: string; logUri: string; credentials: [string, string]; port: number };
}

const MEGABYTE = 1024 * 1024;

/** Complete list of what is worth reporting, also when it is empty (nats-messages.md §1.6). */
export function heartbeat(facts: DeaFacts, registry: Registry): Heartbeat {
  const droplets = registry.all().filter(({ state }) => isReported(state));
  return {
    dea: facts.id,
    prod: false,
    droplets: droplets.map((instance) => ({
      ...identityOf(instance),
      cc_partition: instance.message.cc_partition,
      ...(instance.state === 'CRASHED' ? { exit_description: crashText(instance) } : {}),
    })),
  };
}

/** Free capacity (nats-messages.md §1.4). */
export function advertisement(facts: DeaFacts, registry: Registry): DeaAdvertise {
  return {
    id: facts.id,
    stacks: ['linux'],
    available_memory: Math.max(0, facts.memoryMb - registry.reservedMemoryMb),
    available_disk: Math.max(0, facts.diskMb - registry.reservedDiskMb),
    app_id_to_count: registry.countByApp(),
    placement_properties: { zone: facts.zone },
    runtimes: facts.runtimes.map(({ name, version, description }) => ({ name, version, description })),
    prod: false,
    isolation: facts.isolation,
  };
}

/** The droplet.exited of an instance that was here. */
export function exitedMessage(instance: Instance, reason: DropletExited['reason']): DropletExited {
  const { message } = instance;
  return {
    droplet: message.droplet,
    version: message.version,
    instance: instance.id,
    index: message.index,
    reason,
    cc_partition: message.cc_partition,
    exit_status: instance.exit?.exitStatus ?? -1,
    exit_description: instance.exitDescription ?? '',
    ...(reason === 'CRASHED' ? { crash_timestamp: Math.floor(instance.stateSinceMs / 1000) } : {}),
  };
}

/** router.register and unregister (nats-messages.md §1.3). */
export function registration(facts: DeaFacts, instance: Instance, uris: string[]): RouterRegister {
  return {
    dea: facts.id,
    app: instance.message.droplet,
    host: facts.ip,
    port: instance.port,
    uris,
    tags: { component: `dea-${facts.index}` },
    private_instance_id: instance.privateInstanceId,
    // Ours: where a router that hears nothing more may ask whether the instance still holds the port.
    identity_port: facts.files.port,
  };
}

/** Answer to dea.find.droplet (nats-messages.md §1.5). */
export function findReply(
  facts: DeaFacts,
  instance: Instance,
  withStats: boolean,
  nowMs: number,
): FindDropletReply {
  return {
    dea: facts.id,
    ...identityOf(instance),
    file_uri: facts.files.uri,
    credentials: facts.files.credentials,
    staged: `/${instance.id}`,
    log_uri: `${facts.files.logUri}/${instance.id}`,
    ...addressOf(facts, 'debug', instance.ports.debugPort),
    ...addressOf(facts, 'console', instance.ports.consolePort),
    ...(withStats && isRouted(instance.state) ? { stats: stats(facts, instance, nowMs) } : {}),
  };
}

/** One reply of droplet.status, and `stats` of a find reply. `usage.mem` is in bytes, `usage.cpu` in cores. */
export function stats(
  facts: DeaFacts,
  instance: Instance,
  nowMs: number,
): NonNullable<FindDropletReply['stats']> {
  const { limits, name, uris } = instance.message;
  const info = instance.container?.info();
  return {
    name,
    uris,
    host: facts.ip,
    port: instance.port,
    uptime: Math.max(0, Math.floor((nowMs - instance.startedAtMs) / 1000)),
    mem_quota: limits.mem * MEGABYTE,
    disk_quota: limits.disk * MEGABYTE,
    fds_quota: limits.fds,
    ...(info === undefined
      ? {}
      : { usage: { time: v1Time(nowMs), cpu: info.cpuFraction, mem: info.memBytes, disk: info.diskBytes } }),
  };
}

const addressOf = (facts: DeaFacts, use: 'debug' | 'console', port: number): Record<string, unknown> => ({
  [`${use}_ip`]: port === 0 ? null : facts.ip,
  [`${use}_port`]: port === 0 ? null : port,
});

function identityOf(instance: Instance): {
  droplet: string;
  version: string;
  instance: string;
  index: number;
  state: Instance['state'];
  state_timestamp: number;
} {
  const { droplet, version, index } = instance.message;
  const { id, state, stateSinceMs } = instance;
  return { droplet, version, instance: id, index, state, state_timestamp: stateSinceMs / 1000 };
}
