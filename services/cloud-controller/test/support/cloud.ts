import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { Bus } from '@vcap/bus';
import type { Logger } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { startMariadb, startNats, tempDir } from '@vcap/testkit';
import type { SqlServer, NatsServer, TempDir } from '@vcap/testkit';
import { compose } from '../../src/compose.ts';
import type { Services } from '../../src/actions/context.ts';
import { controllerConfigShape } from '../../src/config-shape.ts';
import type { DatabaseConfig, DialectName } from '../../src/db/open.ts';
import { ApiClient } from './client.ts';
import { World } from './doubles.ts';

const nothing = (): void => {};
/** Says nothing; children too. */
export const silent = {
  info: nothing,
  warn: nothing,
  error: nothing,
  debug: nothing,
  trace: nothing,
  fatal: nothing,
  child: () => silent,
} as unknown as Logger;

export interface Controller {
  api: ApiClient;
  url: string;
  services: Services;
  stop(): Promise<void>;
}

/** Databases that the tests of what is stored run on. */
export const dialects: DialectName[] = ['sqlite', 'mysql'];

/** Servers of one test file: NATS, and a database of the wished kind. */
export class TestCloud {
  readonly world = new World();
  readonly nats: NatsServer;
  readonly dir: TempDir;
  readonly #mariadb: SqlServer | undefined;
  readonly #controllers: Controller[] = [];

  private constructor(nats: NatsServer, dir: TempDir, mariadb: SqlServer | undefined) {
    this.nats = nats;
    this.dir = dir;
    this.#mariadb = mariadb;
  }

  static async start(dialect: DialectName): Promise<TestCloud> {
    const [nats, dir, mariadb] = await Promise.all([
      startNats(),
      tempDir('cc'),
      dialect === 'mysql' ? startMariadb() : undefined,
    ]);
    return new TestCloud(nats, dir, mariadb);
  }

  /** An empty database of its own. */
  async database(): Promise<DatabaseConfig> {
    const name = `cc_${randomUUID().replaceAll('-', '')}`;
    if (!this.#mariadb) return { dialect: 'sqlite', path: `${this.dir.path}/${name}.db` };
    return { dialect: 'mysql', uri: await this.#mariadb.createDatabase(name) };
  }

  async bus(name: string): Promise<Bus> {
    const bus = new Bus({ servers: [this.nats.url], name, log: silent, clock: systemClock });
    await bus.start();
    return bus;
  }

  async controller(database: DatabaseConfig, settings: Record<string, unknown> = {}): Promise<Controller> {
    const config = z.strictObject(controllerConfigShape).parse({
      port: 0,
      bind_address: '127.0.0.1',
      external_uri: 'api.vcap.test',
      router_port: 8080,
      database,
      blobstore: { root: `${this.dir.path}/blobs` },
      keys: { token: 'a key that is only for tests' },
      admins: ['admin@test.dev'],
      ...settings,
    });
    const bus = await this.bus('cloud-controller');
    const { members, api, services } = compose(
      {
        config,
        log: silent,
        clock: systemClock,
        bus,
        identity: { type: 'CloudController', index: 0, uuid: '0-a', ip: '127.0.0.1' },
      },
      ({ store }) => this.world.parts(store),
    );
    for (const member of members) await member.start();
    const url = `http://127.0.0.1:${api.port}`;
    const controller: Controller = {
      url,
      services,
      api: new ApiClient(url),
      async stop() {
        for (const member of members.toReversed()) await member.stop();
        await bus.stop();
      },
    };
    this.#controllers.push(controller);
    return controller;
  }

  async stop(): Promise<void> {
    for (const controller of this.#controllers) await controller.stop();
    await this.nats.stop();
    await this.#mariadb?.stop();
    await this.dir.remove();
  }
}
