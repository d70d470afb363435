import { startNats, startProcess, tempDir } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { execFileSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

const home = fileURLToPath(new URL('..', import.meta.url));
let program: string | undefined;

/** The router as it is deployed: bundled, which takes a third of the memory off it. Made once. */
function bundled(): string {
  if (program !== undefined) return program;
  const [main, worker] = ['src/main.ts', 'src/plane/worker/worker-main.ts'] as const;
  const bundle = join(home, '../../tools/bundle.mjs');
  execFileSync(process.execPath, [bundle, '--out', 'bench/dist', main, worker], { cwd: home });
  program = join(home, 'bench/dist/main.js');
  return program;
}

/** A router as deployed, on a bus of its own. */
export interface BenchRouter {
  readonly pid: number;
  readonly port: number;
  /** NaN without `tls`. */
  readonly tlsPort: number;
  readonly nats: NatsServer;
  /** Sends registrations; resolves when the bus has them all. */
  register(messages: readonly object[]): Promise<void>;
  varz(): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** Starts one with one worker process, like nginx's. */
export async function startBenchRouter(options: {
  accessLog: boolean;
  settings?: Record<string, unknown>;
}): Promise<BenchRouter> {
  const nats = await startNats();
  const dir = await tempDir('router-bench');
  // Workers of nginx run as another account, and have their sockets in here.
  await chmod(dir.path, 0o755);
  const file = join(dir.path, 'router.yml');
  const status = { user: 'bench', password: 'bench' };
  await writeFile(
    file,
    stringify({
      mbus: nats.url,
      ip: '127.0.0.1',
      port: 0,
      workers: 1,
      status,
      logging: { level: 'info' },
      ...(options.accessLog ? { access_log: join(dir.path, 'access.log') } : {}),
      nginx: { directory: join(dir.path, 'nginx') },
      ...options.settings,
    }),
  );
  const running = await startProcess({
    argv: [process.execPath, bundled(), '--config', file],
    env: { ...process.env, NODE_OPTIONS: '' },
    readyWhen: '"ready"',
  });
  const statusHost = /"event":"ready","status":"([^"]+)"|"status":"([^"]+)"/.exec(running.output());
  return {
    pid: running.pid,
    port: Number(/"event":"listening","port":(\d+)/.exec(running.output())?.[1]),
    tlsPort: Number(/"event":"listening-tls","port":(\d+)/.exec(running.output())?.[1]),
    nats,
    register: (messages) => publish(nats.port, messages),
    async varz() {
      const address = statusHost?.[1] ?? statusHost?.[2] ?? '';
      const authorization = `Basic ${Buffer.from('bench:bench').toString('base64')}`;
      const answer = await fetch(`http://${address}/varz`, { headers: { authorization } });
      return (await answer.json()) as Record<string, unknown>;
    },
    async stop() {
      await running.kill();
      await nats.stop();
      await dir.remove();
    },
  };
}

/** Sends registrations over a connection of its own, as fast as the bus takes them. */
function publish(port: number, messages: readonly object[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      if (!chunk.toString().includes('PONG')) return;
      socket.destroy();
      resolve();
    });
    socket.write(`CONNECT {"verbose":false}\r\n${messages.map(frame).join('')}PING\r\n`);
  });
}

/** One `router.register` in the bus's protocol. */
export function frame(message: object): string {
  const payload = JSON.stringify(message);
  return `PUB router.register ${Buffer.byteLength(payload)}\r\n${payload}\r\n`;
}
