import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayClient, Stage } from '@vcap/service-base';
import type { Credentials, Handle, RunningGateway } from '@vcap/service-base';
import { startNats, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, RunningProcess, TempDir } from '@vcap/testkit';
import { configSchema } from '../src/index.ts';
import type { Config } from '../src/index.ts';
import { as, asRoot, traces } from './support/bench-node.ts';
import { START_LIMIT_MS, mariadb, mysqlOnly, mysqlSection } from './support/databases.ts';
import type { TestDatabase } from './support/databases.ts';
import { startNode } from './support/node-process.ts';
import { orphanPass, owned } from './support/ownership.ts';

const NODE = 'mysql_node_free_0';
/** One kind of server a run: thirty kills take a while. */
const start = async (): Promise<TestDatabase> =>
  (process.env['VCAP_TEST_DATABASE'] === 'mysql' ? await mysqlOnly() : undefined) ?? mariadb();
let nats: NatsServer;
let dir: TempDir;
let database: TestDatabase;
let stage: Stage<Config>;
let gateway: RunningGateway;
let node: RunningProcess;
let config: Record<string, unknown>;
let files: { FAULT_FILE: string; STEPS_FILE: string };
/** Somebody else's, with names like ours: must be there at the end. */
const foreign = `d${'f'.repeat(32)}`;

beforeAll(async () => {
  [nats, dir, database] = await Promise.all([startNats(), tempDir('vcap-crash'), start()]);
  config = {
    mbus: nats.url,
    node_id: NODE,
    local_db: join(dir.path, 'node.db'),
    mysql: mysqlSection([database]),
    z_interval: 600,
    logging: { level: 'info' },
  };
  stage = new Stage({
    nats: nats.url,
    serviceName: 'MyaaS',
    nodeConfig: (over) => configSchema.parse(over),
    create: () => {
      throw new Error('the node is a process of its own');
    },
  });
  await stage.start();
  await asRoot(database.server.port, `CREATE DATABASE ${foreign}`, `CREATE TABLE ${foreign}.t (a INT)`);
  files = { FAULT_FILE: join(dir.path, 'fault'), STEPS_FILE: join(dir.path, 'steps') };
  node = await startNode(dir.path, config, files);
  gateway = await stage.gateway({
    double_check_orphan_interval: 0.1,
    handle_refresh_interval: 3600,
    service: { name: 'mysql', version: database.version },
  });
  await known();
}, START_LIMIT_MS);
afterAll(async () => {
  await stage?.stop();
  await node?.kill();
  await database?.server.stop();
  await nats?.stop();
  await dir?.remove();
});

const known = (): Promise<unknown> =>
  waitFor(
    () => Object.keys(gateway.varz()['nodes'] as object).length > 0 && gateway.varz()['handles_loaded'],
    {
      timeoutMs: 30_000,
    },
  );
const request = (): Record<string, unknown> => ({
  label: `mysql-${database.version}`,
  name: 'mine',
  plan: 'free',
  email: 'user@example.org',
});
const works = (handle: Handle): Promise<boolean> =>
  as(handle.credentials as Credentials, 'SELECT 1').then(
    () => true,
    () => false,
  );
/** Who asks; hangs up when the node is dead, as nobody will answer. */
let asker: GatewayClient;
const provision = async (): Promise<Handle> => stage.save(await asker.provision(request()));
const bind = async (id: string): Promise<Handle> => stage.save(await asker.bind(id));
/** As a cloud controller does it: first its own row, then the gateway. */
const unbind = async (id: string, handle: string): Promise<void> => {
  stage.controller.handles.delete(handle);
  await asker.unbind(id, handle);
};
const unprovision = async (id: string): Promise<void> => {
  for (const { service_id, credentials } of stage.controller.handles.values())
    if (credentials['name'] === id) stage.controller.handles.delete(service_id);
  await asker.unprovision(id);
};

const operations: Record<string, { prepare: () => Promise<() => Promise<unknown>> }> = {
  provision: { prepare: async () => provision },
  bind: {
    prepare: async () => {
      const { service_id } = await provision();
      return () => bind(service_id);
    },
  },
  unbind: {
    prepare: async () => {
      const { service_id } = await provision();
      const binding = await bind(service_id);
      await as(
        binding.credentials as Credentials,
        'CREATE TABLE t (a INT)',
        'CREATE VIEW v AS SELECT a FROM t',
      );
      return () => unbind(service_id, binding.service_id);
    },
  },
  unprovision: {
    prepare: async () => {
      const { service_id } = await provision();
      await bind(service_id);
      await bind(service_id);
      return () => unprovision(service_id);
    },
  },
};

describe.each(Object.keys(operations))('killed in the middle of %s', (what) => {
  test('at every step: what was answered holds, and nothing is left without an owner', async () => {
    const operation = operations[what];
    if (!operation) throw new Error('no such operation');

    asker = gateway.client;
    rmSync(files.STEPS_FILE, { force: true });
    await (
      await operation.prepare()
    )();
    const steps = readFileSync(files.STEPS_FILE, 'utf8').split('\n');
    const count = steps.filter((name) => name.startsWith(`${what}:`)).length;
    expect(count).toBeGreaterThan(2);

    for (let at = 1; at <= count; at++) {
      asker = gateway.client;
      const run = await operation.prepare();
      asker = new GatewayClient(gateway.client.url, 'conformance-token');
      writeFileSync(files.FAULT_FILE, `${what}: ${at}`);
      const outcome = run().then(
        () => 'answered',
        () => 'failed',
      );
      expect([at, await node.exited]).toEqual([at, 'SIGKILL']);
      asker.hangUp.abort();
      rmSync(files.FAULT_FILE);
      node = await startNode(dir.path, config, files);
      await orphanPass(gateway, NODE, [foreign]);
      const find = async (): Promise<string[]> => traces(database.server.port);
      await waitFor(async () => (await find()).join() === owned(stage, [foreign]).join(), {
        timeoutMs: 20_000,
      }).catch(() => undefined);
      expect([at, await find()]).toEqual([at, owned(stage, [foreign])]);
      expect([at, await outcome]).toEqual([at, 'failed']);
      for (const handle of stage.controller.handles.values())
        expect([at, await works(handle)]).toEqual([at, true]);
    }
    expect(await asRoot(database.server.port, `SHOW TABLES FROM ${foreign}`)).toHaveLength(1);
  }, 240_000);
});
