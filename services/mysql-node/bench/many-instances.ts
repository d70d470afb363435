import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bus, newTrace, serviceDiscover } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { Stage } from '@vcap/service-base';
import type { Handle, Instance } from '@vcap/service-base';
import { startNats, tempDir, waitFor } from '@vcap/testkit';
import type { RunningProcess } from '@vcap/testkit';
import { configSchema } from '../src/config.ts';
import { StorageQuota } from '../src/daemons/storage-quota.ts';
import { Servers } from '../src/server/servers.ts';
import { mariadb, mysqlSection } from '../test/support/databases.ts';
import { MemoryRegistry } from '../test/support/memory-registry.ts';
import { startNode } from '../test/support/node-process.ts';
import { ms } from './stopwatch.ts';

const NODE = 'mysql_node_free_0';
/** What is deployed; where nothing was built, the sources. */
const built = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const AT_ONCE = 50;
const FEW = 10;
const ROUNDS = 100;

/** Of one node. Milliseconds. */
export interface ManyInstances {
  instances: number;
  provisioning: number;
  start: number;
  quotaPasses: number[];
  /** Asked on the bus and answered, with ten instances and with all. */
  announcementsOfFew: number[];
  announcementsOfMany: number[];
}

/** Provisions many through a real gateway and node; then a restart, announcements and quota passes. */
export async function manyInstances(count: number): Promise<ManyInstances> {
  const [nats, dir, database] = await Promise.all([startNats(), tempDir('vcap-bench'), mariadb()]);
  const raw = {
    mbus: nats.url,
    node_id: NODE,
    capacity: count + 10,
    local_db: join(dir.path, 'node.db'),
    mysql: mysqlSection([database]),
  };
  const stage = new Stage({
    nats: nats.url,
    serviceName: 'MyaaS',
    nodeConfig: (over) => configSchema.parse(over),
    create: () => {
      throw new Error('the node is a process of its own');
    },
  });
  await stage.start();
  const start = (): Promise<RunningProcess> =>
    startNode(dir.path, raw, {}, existsSync(built) ? built : undefined);
  let node = await start();
  try {
    const service = { name: 'mysql', version: database.version };
    const gateway = await stage.gateway({ node_timeout: 30, service });
    await waitFor(() => Object.keys(gateway.varz()['nodes'] as object).length > 0, { timeoutMs: 10_000 });
    const request = { label: `mysql-${database.version}`, name: 'db', plan: 'free', email: 'u@example.org' };
    const handles: Handle[] = [];
    const provision = async (): Promise<void> => void handles.push(await gateway.client.provision(request));
    await inParallel(AT_ONCE, FEW, provision);
    const announcementsOfFew = await askForAnnouncements(nats.url);
    const provisioning = await ms(() => inParallel(AT_ONCE, count - FEW, provision));
    await node.stop();
    const startMs = await ms(async () => (node = await start()));
    const quotaPasses = await measureQuota(raw, database.version, handles);
    const announcementsOfMany = await askForAnnouncements(nats.url);
    const instances = handles.length;
    return { instances, provisioning, start: startMs, quotaPasses, announcementsOfFew, announcementsOfMany };
  } finally {
    await stage.stop();
    await node.kill();
    await database.server.kill();
    await nats.stop();
    await dir.remove();
  }
}

async function askForAnnouncements(nats: string): Promise<number[]> {
  const bus = new Bus({ servers: [nats], name: 'bench', log: silentLogger, clock: systemClock });
  await bus.start();
  try {
    const took: number[] = [];
    const options = { timeoutMs: 10_000, trace: newTrace() };
    for (let round = 0; round < ROUNDS; round++)
      took.push(await ms(() => bus.request(serviceDiscover.of('MyaaS'), {}, options)));
    return took;
  } finally {
    await bus.stop();
  }
}

/** The quota's own part of a node, on the server where those instances are. */
async function measureQuota(
  raw: Record<string, unknown>,
  version: string,
  handles: readonly Handle[],
): Promise<number[]> {
  const servers = new Servers(configSchema.parse({ ...raw, node_id: 'bench' }), {
    clock: systemClock,
    log: silentLogger,
    ip: '127.0.0.1',
  });
  await servers.start();
  try {
    const registry = new MemoryRegistry();
    for (const { credentials } of handles)
      registry.add({
        name: credentials['name'],
        plan: 'free',
        version,
        credentials,
        data: {},
      } as Instance);
    const quota = new StorageQuota(registry, { limitBytes: 20 * 2 ** 20, resumeShare: 0.9 }, silentLogger);
    const { db } = servers.of(version);
    const passes: number[] = [];
    for (let pass = 0; pass < 5; pass++) passes.push(await ms(() => quota.pass(db)));
    return passes;
  } finally {
    await servers.stop();
  }
}

async function inParallel(width: number, count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: width }, lane));
}
