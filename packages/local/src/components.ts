import { mkdirSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from './free-port.ts';
import type { ProcessSpec } from './managed-process.ts';
import type { LocalOptions } from './options.ts';
import type { MariadbPlace } from './mariadb.ts';
import { writePrivate } from './secrets.ts';
import { serviceComponents } from './service-components.ts';

/** What every component's configuration needs to know of the cluster. */
export interface Cluster {
  root: string;
  options: LocalOptions;
  /** With the private server's credentials. */
  mbus: string;
  redisUri: string;
  adminPasswordFile: string;
  tokenKeyFile: string;
  /** Port of each cloud controller, the health manager reads from the first. */
  controllerPorts: number[];
  /** Secrets shared by the controllers and those who offer services. */
  secrets: { gateway: string; broker: string; ticketFile: string };
  /** The private database server for users' databases; undefined when this machine has none. */
  mariadb: MariadbPlace | undefined;
}

/** A process of ours together with what its configuration file holds. */
export interface Component {
  service: string;
  index: number;
  graceMs: number;
  config: Record<string, unknown>;
}

/**
 * Small heaps: all of these share one machine, and none of them makes much garbage. V8 would otherwise let the young
 * generation of each grow to tens of MB before it collects it.
 */
const nodeFlags = ['--max-semi-space-size=1', '--optimize-for-size'];
/** glibc would keep what was taken for a moment, such as for hashing a password: freed blocks go back at once. Bytes. */
const nodeEnv = {
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '65536',
  MALLOC_ARENA_MAX: '2',
};
/** What the DEAs together give away: half of the machine's memory, and disk as promises, of which few are ever used. */
const memoryMb = Math.max(2048, Math.floor(totalmem() / 2 / 1024 ** 2));
const diskMb = 131_072;

/** All components of the cluster in their order of start, their configuration files written. */
export async function planComponents(cluster: Cluster): Promise<ProcessSpec[]> {
  const components: Component[] = [];
  const { count } = cluster.options;
  for (let index = 0; index < count['cloud-controller']; index++) components.push(controller(cluster, index));
  for (let index = 0; index < count.router; index++) components.push(await router(cluster, index));
  for (let index = 0; index < count.stager; index++) components.push(stager(cluster, index));
  for (let index = 0; index < count.dea; index++) components.push(dea(cluster, index));
  for (let index = 0; index < count['health-manager']; index++)
    components.push(healthManager(cluster, index));
  components.push(...(await serviceComponents(cluster, dataDir)));
  return components.map((component) => toSpec(cluster, component));
}

function toSpec(
  { root, options, mbus }: Cluster,
  { service, index, graceMs, config }: Component,
): ProcessSpec {
  const name = `${service}-${index}`;
  const file = join(options.home, 'config', `${name}.yml`);
  writePrivate(file, stringify({ mbus, local_route: '127.0.0.1', index, ...config }));
  return {
    name,
    argv: [
      process.execPath,
      ...nodeFlags,
      join(root, 'services', service, 'dist', 'main.js'),
      '--config',
      file,
    ],
    logFile: join(options.home, 'logs', `${name}.log`),
    env: nodeEnv,
    graceMs,
  };
}

/** A directory of the home. */
function dataDir({ options }: Cluster, name: string): string {
  const path = join(options.home, name);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

function controller(cluster: Cluster, index: number): Component {
  const { options } = cluster;
  return {
    service: 'cloud-controller',
    index,
    graceMs: 10_000,
    config: {
      port: cluster.controllerPorts[index],
      bind_address: '127.0.0.1',
      external_uri: `api.${options.domain}`,
      router_port: options.port,
      database: { dialect: 'sqlite', path: join(dataDir(cluster, 'db'), 'cloud-controller.sqlite') },
      blobstore: { root: dataDir(cluster, 'blobs') },
      directories: { tmpdir: dataDir(cluster, 'tmp') },
      keys: { token_file: cluster.tokenKeyFile },
      admins: [options.adminEmail],
      bootstrap_admin: { email: options.adminEmail, password_file: cluster.adminPasswordFile },
      builtin_services: { mysql: { token: cluster.secrets.gateway } },
      service_broker: { token: cluster.secrets.broker },
      tunnel: { external_uri: `tunnel.${options.domain}`, ticket_key_file: cluster.secrets.ticketFile },
    },
  };
}

async function router({ options }: Cluster, index: number): Promise<Component> {
  return {
    service: 'router',
    index,
    graceMs: 10_000,
    config: {
      port: index === 0 ? options.port : await freePort(),
      access_log: join(options.home, 'logs', `router-${index}.access.log`),
    },
  };
}

function stager(cluster: Cluster, index: number): Component {
  return {
    service: 'stager',
    index,
    graceMs: 10_000,
    config: {
      redis: { uri: cluster.redisUri },
      base_dir: dataDir(cluster, `stager-${index}`),
      cache_dir: dataDir(cluster, 'stager-cache'),
      isolation: cluster.options.isolation,
    },
  };
}

function dea(cluster: Cluster, index: number): Component {
  const share = (all: number): number => Math.floor(all / cluster.options.count.dea);
  const span = 1000;
  const first = 61_001 + index * span;
  return {
    service: 'dea',
    index,
    graceMs: 20_000,
    config: {
      base_dir: dataDir(cluster, `dea-${index}`),
      isolation: cluster.options.isolation,
      resources: { memory_mb: share(memoryMb), disk_mb: share(diskMb) },
      port_range: first + span < 65_535 ? { first, last: first + span - 1 } : {},
    },
  };
}

function healthManager({ controllerPorts }: Cluster, index: number): Component {
  return {
    service: 'health-manager',
    index,
    graceMs: 5000,
    config: {
      bulk_api: { url: `http://127.0.0.1:${controllerPorts[0] ?? 0}` },
      // One machine: whatever runs here beats within one interval.
      intervals: { freshness_seconds: 11 },
    },
  };
}
