import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { join } from 'node:path';
import { serviceChecks } from '@vcap/service-base';
import type { RunningNode, ServiceUnderTest } from '@vcap/service-base';
import { startNats, startRedis, tempDir } from '@vcap/testkit';
import type { NatsServer, RedisServer, TempDir } from '@vcap/testkit';
import { configSchema, MysqlNode } from '../src/index.ts';
import type { Config } from '../src/index.ts';
import { as, traces, wipe } from './support/bench-node.ts';
import { START_LIMIT_MS, mariadb, mysqlOnly, mysqlSection } from './support/databases.ts';
import type { TestDatabase } from './support/databases.ts';

interface Servers {
  nats: NatsServer;
  redis: RedisServer;
  dir: TempDir;
}
let servers: Servers | undefined;
const flavours: { name: string; start: () => Promise<TestDatabase | undefined>; two: TestDatabase[] }[] = [
  { name: 'MariaDB', start: mariadb, two: [] },
  { name: 'MySQL', start: mysqlOnly, two: [] },
];
beforeAll(async () => {
  const [nats, redis, dir] = await Promise.all([startNats(), startRedis(), tempDir('vcap-mysql')]);
  servers = { nats, redis, dir };
  for (const { start, two } of flavours) {
    for (const _place of [0, 1]) {
      const database = await start();
      if (database) two.push(database);
    }
  }
}, START_LIMIT_MS);
afterAll(async () => {
  for (const { two } of flavours) for (const { server } of two) await server.stop();
  await servers?.nats.stop();
  await servers?.redis.stop();
  await servers?.dir.remove();
});

let count = 0;
/** A service whose nodes have a database server each. */
function service(two: readonly TestDatabase[]): ServiceUnderTest<Config> {
  const { nats, redis, dir } = servers ?? {};
  const work = join(dir?.path ?? '/nowhere', String(count++));
  const database = (nodeId: string): TestDatabase[] => two.slice(nodeId === 'node_0' ? 0 : 1).slice(0, 1);
  return {
    nats: nats?.url ?? 'nats://127.0.0.1:1',
    serviceName: 'MyaaS',
    nodeConfig: (over) =>
      configSchema.parse({
        mbus: nats?.url,
        local_db: join(work, `${String(over['node_id'])}.db`),
        mysql: mysqlSection(database(String(over['node_id']))),
        ...over,
      }),
    create: ({ config, log, clock, identity }) => new MysqlNode(config, { log, clock, ip: identity.ip }),
    works: (credentials) =>
      as(credentials, 'SELECT 1').then(
        () => true,
        () => false,
      ),
    traces: (running: RunningNode) => {
      const port = (running.node as MysqlNode).addresses()[0]?.port ?? 0;
      return traces(port);
    },
    data: {
      write: async (credentials, value) => {
        await as(
          credentials,
          'CREATE TABLE IF NOT EXISTS kept (v TEXT)',
          'DELETE FROM kept',
          `INSERT INTO kept VALUES ('${value}')`,
        );
      },
      read: async (credentials) => String((await as(credentials, 'SELECT v FROM kept'))[0]?.['v']),
    },
    ...(redis ? { redis: redis.url, blobstore: join(work, 'blobs') } : {}),
  };
}

describe.each(flavours)('$name keeps the contract of services', ({ name, two }) => {
  const some = { redis: 'redis://127.0.0.1:1', blobstore: '/nowhere' };
  const names = serviceChecks({ ...service([]), ...some }).map((check) => check.name);
  const verify = async (wanted: string): Promise<void> => {
    if (two.length === 0) {
      process.stderr.write(`skipped, no ${name}: ${wanted}\n`);
      return;
    }
    for (const { server } of two) await wipe(server.port);
    await serviceChecks(service(two))
      .find((each) => each.name === wanted)
      ?.run();
  };
  test.each(names)(
    '%s',
    async (wanted) => {
      await verify(wanted);
      // Some start, kill and wait for processes many times over.
    },
    180_000,
  );
});
