import { readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Credentials, ServiceUnderTest } from '../../src/index.ts';
import { echoConfigSchema } from '../../examples/echo/config.ts';
import { EchoNode } from '../../examples/echo/echo-node.ts';
import type { z } from 'zod';

export type EchoConfig = z.infer<typeof echoConfigSchema>;

/** What the echo service says to these credentials. */
export function ask(credentials: Credentials): Promise<string> {
  const { name, host, port, user, password } = credentials as Credentials & { host: string; port: number };
  const socket = connect(port, host, () => socket.write(`${name} ${String(user)} ${String(password)}`));
  return text(socket);
}

/** The echo service, in a directory of the test's. */
export function echoService(options: {
  nats: string;
  dir: string;
  redis?: string;
}): ServiceUnderTest<EchoConfig> {
  const { nats, dir, redis } = options;
  return {
    nats,
    serviceName: 'EchoaaS',
    nodeConfig: (over) =>
      echoConfigSchema.parse({
        mbus: nats,
        local_db: join(dir, `${String(over['node_id'])}.db`),
        base_dir: join(dir, String(over['node_id'])),
        ...over,
      }),
    create: ({ config }) => new EchoNode(config.base_dir),
    works: async (credentials) => (await ask(credentials).catch(() => 'go away')) !== 'go away',
    data: {
      write: ({ name }, value) => writeFile(greeting(dir, name), value),
      read: ask,
    },
    ...(redis === undefined ? {} : { redis, blobstore: join(dir, 'blobs') }),
    traces: async ({ node }) => readdir((node as EchoNode).dir, { recursive: true }),
  };
}

/** Where the value of an instance on the first node lies. */
function greeting(dir: string, name: string): string {
  return join(dir, 'node_0', name, 'greeting');
}
