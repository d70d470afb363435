import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { Stage } from '@vcap/service-base';
import type { Credentials, RunningGateway } from '@vcap/service-base';
import { startNats, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, TempDir } from '@vcap/testkit';
import { configSchema, MysqlNode } from '../src/index.ts';
import type { Config } from '../src/index.ts';
import { as, traces, wipe } from './support/bench-node.ts';
import { START_LIMIT_MS, mysqlSection, startDatabases } from './support/databases.ts';
import type { TestDatabase } from './support/databases.ts';
import { orphanPass, owned } from './support/ownership.ts';

const NODE = 'mysql_node_free_0';
let nats: NatsServer;
let dir: TempDir;
let databases: TestDatabase[];
let stage: Stage<Config> | undefined;
beforeAll(async () => {
  [nats, dir] = await Promise.all([startNats(), tempDir('vcap-restart')]);
  // What was acknowledged must outlive the server's process.
  databases = await startDatabases({ extraArgs: ['--innodb-flush-log-at-trx-commit=1'] });
}, START_LIMIT_MS);
afterEach(async () => stage?.stop());
afterAll(async () => {
  for (const { server } of databases ?? []) await server.stop();
  await nats?.stop();
  await dir?.remove();
});

/** Creates, binds, unbinds and deletes, as cloud controllers do, until it is told to end. */
class Load {
  answered = 0;
  failed = 0;
  readonly #stage: Stage<Config>;
  readonly #gateway: RunningGateway;
  readonly #version: string;
  readonly #lanes: Promise<void>[];
  #ends = false;

  constructor(on: { stage: Stage<Config>; gateway: RunningGateway; version: string }, lanes: number) {
    this.#stage = on.stage;
    this.#gateway = on.gateway;
    this.#version = on.version;
    this.#lanes = Array.from({ length: lanes }, () => this.#lane());
  }

  async end(): Promise<void> {
    this.#ends = true;
    await Promise.all(this.#lanes);
  }

  async #lane(): Promise<void> {
    while (!this.#ends) {
      try {
        await this.#round();
      } catch {
        this.failed++;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** One instance stays with one of its two bindings, another one goes. */
  async #round(): Promise<void> {
    const { client } = this.#gateway;
    const { handles } = this.#stage.controller;
    const request = { label: `mysql-${this.#version}`, name: 'db', plan: 'free', email: 'user@example.org' };
    const save = (handle: Parameters<Stage<Config>['save']>[0]): string => {
      this.answered++;
      return this.#stage.save(handle).service_id;
    };
    const stays = save(await client.provision(request));
    const goes = save(await client.provision(request));
    save(await client.bind(stays));
    const binding = save(await client.bind(stays));
    handles.delete(binding);
    await client.unbind(stays, binding);
    handles.delete(goes);
    await client.unprovision(goes);
    this.answered += 2;
  }
}

test.each([
  { nth: 0, kill: true },
  { nth: 0, kill: false },
  { nth: 1, kill: true },
])(
  'a database server restarted under load (%j): what was answered holds, and nothing is left without an owner',
  async ({ nth, kill }) => {
    const database = databases[nth];
    if (!database) {
      process.stderr.write('skipped: no second kind of server\n');
      return;
    }
    const { version, server } = database;
    await wipe(server.port);
    stage = new Stage<Config>({
      nats: nats.url,
      serviceName: 'MyaaS',
      nodeConfig: (over) =>
        configSchema.parse({
          mbus: nats.url,
          local_db: join(dir.path, `${version}-${kill}.db`),
          mysql: mysqlSection([database]),
          capacity: 2000,
          z_interval: 0.5,
          ...over,
        }),
      create: ({ config, log, clock, identity }) => new MysqlNode(config, { log, clock, ip: identity.ip }),
    });
    await stage.start();
    await stage.node({ node_id: NODE });
    const gateway = await stage.gateway({
      double_check_orphan_interval: 0.1,
      service: { name: 'mysql', version },
    });
    await waitFor(
      () => Object.keys(gateway.varz()['nodes'] as object).length > 0 && gateway.varz()['handles_loaded'],
      { timeoutMs: 30_000 },
    );
    const load = new Load({ stage, gateway, version }, 6);
    try {
      await waitFor(() => load.answered >= 24, { timeoutMs: 60_000, what: 'the load to have begun' });
      await server.restart({ kill });
      const before = load.answered;
      await waitFor(() => load.answered >= before + 24, {
        timeoutMs: 90_000,
        what: 'answers after the restart',
      });
    } finally {
      await load.end();
    }
    expect(load.failed).toBeGreaterThan(0);
    const all = stage;
    await waitFor(
      async () => {
        await orphanPass(gateway, NODE);
        expect(await traces(server.port)).toEqual(owned(all));
        return true;
      },
      { timeoutMs: 60_000, what: 'everything to have an owner' },
    );
    for (const { credentials } of stage.controller.handles.values())
      expect(await as(credentials as Credentials, 'SELECT 1')).toHaveLength(1);
  },
  300_000,
);
