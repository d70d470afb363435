import { join } from 'node:path';
import { newTrace } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import type { Logger } from '@vcap/component';
import type { Binding, Credentials, Instance, JobWork } from '@vcap/service-base';
import { tempDir } from '@vcap/testkit';
import { createConnection } from 'mysql2/promise';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { configSchema, MysqlNode } from '../../src/index.ts';
import { mysqlSection } from './databases.ts';
import type { TestDatabase } from './databases.ts';
import { MemoryRegistry } from './memory-registry.ts';

/** A work without limits; `steps` gathers where the process could have been ended. */
export function makeWork(onStep: (name: string) => void = () => undefined): JobWork {
  return {
    signal: new AbortController().signal,
    log: silentLogger,
    trace: newTrace(),
    step: onStep,
    progress: () => undefined,
  };
}

/** The class alone, with the servers, and shorthands to make instances and to be a tenant. */
export class BenchNode {
  readonly node: MysqlNode;
  readonly #end: (() => Promise<unknown>)[] = [];

  readonly registry: MemoryRegistry;

  private constructor(node: MysqlNode, registry: MemoryRegistry) {
    this.node = node;
    this.registry = registry;
  }

  static async start(
    databases: readonly TestDatabase[],
    settings: Record<string, unknown> = {},
    options: { log?: Logger; registryFile?: string; dir?: string } = {},
  ): Promise<BenchNode> {
    const { log = silentLogger, registryFile } = options;
    // A given directory is its giver's to remove: a process that ends itself cannot.
    const dir =
      options.dir === undefined
        ? await tempDir('vcap-mysql-node')
        : { path: options.dir, remove: async () => undefined };
    const config = configSchema.parse({
      mbus: 'nats://127.0.0.1:4222',
      node_id: 'mysql_node_free_0',
      local_db: join(dir.path, 'node.db'),
      mysql: mysqlSection(databases),
      ...settings,
    });
    const bench = new BenchNode(
      new MysqlNode(config, { log, clock: systemClock, ip: '127.0.0.1' }),
      new MemoryRegistry(registryFile),
    );
    bench.#end.push(() => dir.remove());
    try {
      await bench.node.start(bench.registry);
    } catch (error) {
      await dir.remove();
      throw error;
    }
    return bench;
  }

  async stop(): Promise<void> {
    await this.node.stop();
    for (const end of this.#end) await end();
  }

  async provision(version: string, given?: Credentials): Promise<Instance> {
    const credentials = this.node.newInstance({ plan: 'free', version, given });
    const instance: Instance = { name: credentials.name, plan: 'free', version, credentials, data: {} };
    await this.node.provision(instance, makeWork());
    this.registry.add(instance);
    return instance;
  }

  async bind(instance: Instance, given?: Credentials): Promise<Binding> {
    const credentials = this.node.newBinding(instance, {}, given);
    const binding: Binding = { instance: instance.name, credentials, options: {} };
    await this.node.bind(instance, binding, makeWork());
    this.registry.addBinding(binding);
    return binding;
  }

  async unprovision(instance: Instance): Promise<void> {
    await this.node.unprovision(instance, makeWork());
    this.registry.remove(instance.name);
  }
}

/** Logs in with credentials as an application does, by their `uri`. */
export function connectAs(
  credentials: Credentials,
  options: Record<string, unknown> = {},
): Promise<Connection> {
  return createConnection({ uri: String(credentials['uri']), connectTimeout: 5000, ...options });
}

/** Runs statements with these credentials on a connection of their own. Gives the last one's rows. */
export async function as(credentials: Credentials, ...statements: string[]): Promise<RowDataPacket[]> {
  const connection = await connectAs(credentials);
  try {
    let rows: unknown = [];
    for (const statement of statements) [rows] = await connection.query(statement);
    return rows as RowDataPacket[];
  } finally {
    connection.destroy();
  }
}

/** Runs statements as the server's administrator. */
export async function asRoot(port: number, ...statements: string[]): Promise<RowDataPacket[]> {
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' });
  try {
    let rows: unknown = [];
    for (const statement of statements) [rows] = await connection.query(statement);
    return rows as RowDataPacket[];
  } finally {
    connection.destroy();
  }
}

/** Names of all schemas and accounts on a server that could be this service's. */
export async function traces(port: number): Promise<string[]> {
  const rows = await asRoot(
    port,
    `SELECT SCHEMA_NAME AS n FROM information_schema.SCHEMATA WHERE SCHEMA_NAME REGEXP '^[dso][0-9a-f]{32}$'
     UNION ALL SELECT CONCAT('user ', User) FROM mysql.user WHERE User REGEXP '^[ul][0-9A-Za-z]{12}'
     UNION ALL SELECT CONCAT('grant ', Db) FROM mysql.db WHERE Db REGEXP '^[dso][0-9a-f]{32}$'`,
  );
  return rows.map((row) => String(row['n'])).sort();
}

/** Takes away all that a test may have left. */
export async function wipe(port: number): Promise<void> {
  for (const each of await traces(port)) {
    const [kind, name] = each.split(' ');
    if (kind === 'user') await asRoot(port, `DROP USER IF EXISTS '${name}'@'%'`);
    else if (name === undefined) await asRoot(port, `DROP DATABASE IF EXISTS ${each}`);
  }
}
