import { readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Credentials, ServiceUnderTest } from '../../src/index.ts';
import { echoConfigSchema } from '../../examples/echo/config.ts';
import { EchoNode } from '../../examples/echo/echo-node.ts';
import { startProcess } from '@vcap/testkit';
import { stringify } from 'yaml';
import type { z } from 'zod';

const victim = new URL('echo-victim-main.ts', import.meta.url).pathname;

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
  /** Of the first and of any other node. */
  ports: readonly [number, number];
  redis?: string;
}): ServiceUnderTest<EchoConfig> {
  const { nats, dir, ports, redis } = options;
  return {
    nats,
    serviceName: 'EchoaaS',
    nodeConfig: (over) =>
      echoConfigSchema.parse({
        mbus: nats,
        local_db: join(dir, `${String(over['node_id'])}.db`),
        base_dir: join(dir, String(over['node_id'])),
        port: over['node_id'] === 'node_0' ? ports[0] : ports[1],
        ...over,
      }),
    create: ({ config }) => new EchoNode(config),
    works: async (credentials) => (await ask(credentials).catch(() => 'go away')) !== 'go away',
    data: {
      write: ({ name }, value) => writeFile(greeting(dir, name), value),
      read: ask,
    },
    ...(redis === undefined ? {} : { redis, blobstore: join(dir, 'blobs') }),
    spawn: async (over, dieAt) => {
      const config = join(dir, 'victim.yml');
      const keys = {
        mbus: nats,
        local_db: join(dir, 'node_0.db'),
        base_dir: join(dir, 'node_0'),
        port: ports[0],
        ...over,
      };
      await writeFile(config, stringify(keys));
      const argv = [process.execPath, '--conditions=source', victim, '--config', config] as const;
      return startProcess({
        argv,
        env: { ...process.env, DIE_AT: dieAt, NODE_COMPILE_CACHE: join(dir, 'compiled') },
        readyWhen: '"event":"ready"',
        readyTimeoutMs: 30_000,
      });
    },
    traces: async ({ node }) => readdir((node as EchoNode).greeter.dir, { recursive: true }),
  };
}

/** Where the value of an instance on the first node lies. */
function greeting(dir: string, name: string): string {
  return join(dir, 'node_0', name, 'greeting');
}
