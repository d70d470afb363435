import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { samplePath } from '@vcap/samples';
import type { SampleName } from '@vcap/samples';
import { waitFor } from '@vcap/testkit';
import { createConnection } from 'mysql2/promise';
import type { Connection, ConnectionOptions, RowDataPacket } from 'mysql2/promise';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Platform } from './platform.ts';

const nodeConfig = z.object({
  mysql: z.record(
    z.string(),
    z.object({
      socket: z.string(),
      user: z.string(),
      pass: z.string(),
      public_host: z.string(),
      public_port: z.int(),
    }),
  ),
});
const count = z.object({ visits: z.coerce.number(), instances: z.coerce.number() });

function configuredServer(platform: Platform): z.infer<typeof nodeConfig>['mysql'][string] {
  const text = readFileSync(join(platform.home, 'config', 'mysql-node-0.yml'), 'utf8');
  const [server] = Object.values(nodeConfig.parse(parse(text)).mysql);
  if (!server) throw new Error('the node has no server');
  return server;
}

/** The database server of a cluster, as its administrator sees it. */
export function serverOf(platform: Platform): ConnectionOptions {
  const { socket, user, pass } = configuredServer(platform);
  return { socketPath: socket, user, password: pass };
}

/** Where the cluster tells applications that the database server is. */
export function addressTold(platform: Platform): { host: string; port: number } {
  const { public_host: host, public_port: port } = configuredServer(platform);
  return { host, port };
}

/** Databases, accounts and grants of tenants that the server has. */
export async function tracesOn(server: ConnectionOptions): Promise<string[]> {
  const connection = await createConnection(server);
  try {
    const [rows] = await connection.query<RowDataPacket[]>(
      `SELECT SCHEMA_NAME AS n FROM information_schema.SCHEMATA WHERE SCHEMA_NAME REGEXP '^[a-z][0-9a-f]{32}$'
       UNION SELECT CONCAT('user ', User) FROM mysql.user WHERE User REGEXP '^[a-z][0-9A-Za-z]{12}'
       UNION SELECT CONCAT('grant ', Db) FROM mysql.db WHERE Db REGEXP '^[a-z][0-9a-f]{32}$'`,
    );
    return rows.map((row) => String(row['n'])).sort();
  } finally {
    connection.destroy();
  }
}

/** Waits until the cluster offers a service. */
export async function offered(platform: Platform, vendor: string): Promise<void> {
  await waitFor(async () => (await platform.ok('services')).includes(vendor), {
    timeoutMs: 60_000,
    what: `${vendor} to be offered`,
  });
}

/** Pushes a sample; one whose packages come from a registry is tried again when that stumbles. */
export async function pushSample(platform: Platform, name: SampleName, ...more: string[]): Promise<string> {
  const push = ['push', name, '--path', samplePath(name), '-n', ...more];
  for (let tries = 1; ; tries++) {
    const { status, output } = await platform.vmc(...push);
    if (status === 0) return output;
    if (tries === 3) throw new Error(`vmc ${push.join(' ')} ended with ${status}:\n${output}`);
    process.stderr.write(`pushing ${name} again after:\n${output}\n`);
    await platform.vmc('delete', name, '-n');
  }
}

/** Asks the visits sample once, and again while it cannot answer: its connections may have been ended. */
export async function visits(
  platform: Platform,
  method = 'GET',
  path = '/count',
): Promise<z.infer<typeof count>> {
  return waitFor(
    async () => {
      const headers = { host: `visits.${platform.domain}` };
      const answer = await platform.call(method, path, { headers, token: '' });
      if (answer.status !== 200) throw new Error(`${answer.status} ${answer.body}`);
      return count.parse(JSON.parse(answer.body));
    },
    { timeoutMs: 60_000, what: `${method} ${path} of visits` },
  );
}

/** The environment of the one instance of a `node-hello`. */
export async function environmentOf(platform: Platform, app: string): Promise<Record<string, string>> {
  return waitFor(
    async () => {
      const { status, body } = await platform.get(app, '/env');
      return status === 200 && (JSON.parse(body) as Record<string, string>);
    },
    { timeoutMs: 60_000, what: `the environment of ${app}` },
  );
}

const bound = z.record(
  z.string(),
  z.array(z.looseObject({ name: z.string(), credentials: z.looseObject({}) })),
);

/** What VCAP_SERVICES says of one service; undefined when it is not bound. */
export async function boundTo(
  platform: Platform,
  app: string,
  service: string,
): Promise<Record<string, unknown> | undefined> {
  const all = bound.parse(JSON.parse((await environmentOf(platform, app))['VCAP_SERVICES'] ?? '{}'));
  return Object.values(all)
    .flat()
    .find(({ name }) => name === service);
}

/** A connection as an application has it. */
export function connectAs(credentials: Record<string, unknown>): Promise<Connection> {
  return createConnection({ uri: String(credentials['uri']), connectTimeout: 10_000 });
}
