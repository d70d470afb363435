import { Bus } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import type { Member } from '@vcap/component';
import { connect as connectBus } from 'node:net';
import { startNats, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Registry as PromRegistry } from 'prom-client';
import { build, configSchema } from '../../src/index.ts';

/** A router in this process on a nats-server of its own. */
export interface RouterUnderTest {
  readonly port: number;
  /** 0 without `tls`. */
  readonly tlsPort: number;
  /** 0 without `health_port`. */
  readonly healthPort: number;
  /** Its files. */
  readonly directory: string;
  readonly nats: NatsServer;
  readonly bus: Bus;
  readonly metrics: PromRegistry;
  varz(name: string): unknown;
  /** Publishes text as it is. */
  publish(subject: string, payload: unknown): Promise<void>;
  /** Registers and waits until the route is there. */
  register(message: Registering): Promise<void>;
  accessLog(): Promise<string>;
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** The fields of a registration that tests choose. */
export interface Registering {
  readonly port: number;
  readonly uris: string[];
  readonly app?: string;
  readonly private_instance_id?: string;
  readonly tags?: Record<string, string>;
}

/** Starts one; `settings` are added to a minimal configuration. */
export async function startRouter(settings: Record<string, unknown> = {}): Promise<RouterUnderTest> {
  const nats = await startNats();
  const dir = await tempDir('router');
  // Workers of nginx run as another account, and have their sockets in here.
  await chmod(dir.path, 0o755);
  const logFile = join(dir.path, 'access.log');
  const config = configSchema.parse({
    mbus: nats.url,
    ip: '127.0.0.1',
    port: 0,
    access_log: logFile,
    nginx: { directory: join(dir.path, 'nginx') },
    ...(process.env['ROUTER_TRANSPORT'] === undefined ? {} : { transport: process.env['ROUTER_TRANSPORT'] }),
    ...(process.env['ROUTER_DATAPLANE'] === undefined ? {} : { dataplane: process.env['ROUTER_DATAPLANE'] }),
    ...settings,
  });
  const bus = new Bus({ servers: config.mbus, name: 'router', log: silentLogger, clock: systemClock });
  await bus.start();
  const fields = new Map<string, () => unknown>();
  const metrics = new PromRegistry();
  const members: Member[] = build({
    config,
    bus,
    metrics,
    log: silentLogger,
    clock: systemClock,
    identity: { type: 'Router', index: 0, uuid: '0-test', ip: '127.0.0.1' },
    varz: { set: (name, value) => void fields.set(name, value) },
  });
  const stopAll = async (): Promise<void> => {
    for (const member of members.toReversed()) await member.stop();
    await bus.stop();
    await nats.stop().catch(() => undefined);
    await dir.remove();
  };
  try {
    for (const member of members) await member.start();
  } catch (error) {
    await stopAll();
    throw error;
  }
  const portOf = (name: string, which: 'port' | 'tlsPort' = 'port'): number =>
    (members.find((each) => each.name === name) as { port?: number; tlsPort?: number } | undefined)?.[
      which
    ] ?? 0;
  const varz = (name: string): unknown => fields.get(name)?.();
  const counter = (name: string): number => Number(varz(name));
  const publish = (subject: string, payload: unknown): Promise<void> =>
    publishRaw(nats.port, subject, typeof payload === 'string' ? payload : JSON.stringify(payload));
  // The router's subscriptions are on their way to the server when it says that it has started.
  await waitFor(
    async () => {
      await publish('router.unregister', { host: '127.0.0.1', port: 1, uris: [] });
      return counter('unregisters_received') > 0;
    },
    { timeoutMs: 20_000 },
  );
  let down = false;
  return {
    port: portOf('proxy'),
    tlsPort: portOf('proxy', 'tlsPort'),
    healthPort: portOf('health'),
    directory: dir.path,
    nats,
    bus,
    metrics,
    varz,
    publish,
    async register(message) {
      const before = counter('registers_received');
      await publish('router.register', { host: '127.0.0.1', ...message });
      await waitFor(() => counter('registers_received') > before, { timeoutMs: 20_000 });
    },
    accessLog: () => readFile(logFile, 'utf8').catch(() => ''),
    async drain() {
      for (const member of members.toReversed()) await member.drain?.();
    },
    async stop() {
      if (down) return;
      down = true;
      await stopAll();
    },
  };
}

/** Speaks just enough of the NATS protocol to send any bytes under any subject. */
function publishRaw(port: number, subject: string, payload: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.byteLength(payload);
    const socket = connectBus(port, '127.0.0.1');
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      if (!chunk.toString().includes('PONG')) return;
      socket.destroy();
      resolve();
    });
    socket.write(`CONNECT {"verbose":false}\r\nPUB ${subject} ${bytes}\r\n${payload}\r\nPING\r\n`);
  });
}
