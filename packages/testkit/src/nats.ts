import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findBinary } from './find-binary.ts';
import { startProcess } from './start-process.ts';
import { serverDir, unprivileged } from './unprivileged.ts';

/** Settings of a private NATS server. */
export interface NatsOptions {
  /** A fixed port, for a server that comes back where another one was; a free one by default. */
  port?: number;
  /** More arguments for nats-server. */
  extraArgs?: string[];
}

/** A running nats-server of the test's own. */
export interface NatsServer {
  /** nats://127.0.0.1:<port> */
  readonly url: string;
  readonly port: number;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing is answered. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
}

/** Starts a nats-server on 127.0.0.1 (about 30 ms). */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const binary = findBinary('nats-server', 'nats-server');
  const dir = await serverDir('vcap-nats');
  const argv = ['-a', '127.0.0.1', '-p', String(options.port ?? -1), '--ports_file_dir', dir.path];
  let port = 0;
  try {
    const server = await startProcess({
      argv: [binary, ...argv, ...(options.extraArgs ?? [])],
      ...unprivileged(),
      readyWhen: async ({ pid }) => {
        port = await portOf(join(dir.path, `nats-server_${pid}.ports`));
        return port;
      },
    });
    return {
      url: `nats://127.0.0.1:${port}`,
      port,
      async stop() {
        server.signal('SIGCONT');
        await server.stop();
        await dir.remove();
      },
      async kill() {
        await server.kill();
        await dir.remove();
      },
      freeze: () => {
        server.signal('SIGSTOP');
        untilStopped(server.pid);
      },
      thaw: () => server.signal('SIGCONT'),
    };
  } catch (error) {
    await dir.remove();
    throw error;
  }
}

async function portOf(file: string): Promise<number> {
  const ports = JSON.parse(await readFile(file, 'utf8')) as { nats?: string[] };
  return Number(new URL(ports.nats?.[0] ?? '').port);
}

const STOP_LIMIT_MS = 5000;

/** A signal takes a moment on a busy machine: waits until every thread has stopped, where /proc tells. */
function untilStopped(pid: number): void {
  const end = performance.now() + STOP_LIMIT_MS;
  while (performance.now() < end) {
    try {
      const states = readdirSync(`/proc/${pid}/task`).map((thread) => {
        const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
        return stat.charAt(stat.lastIndexOf(')') + 2);
      });
      if (states.every((state) => state === 'T')) return;
    } catch {
      return;
    }
  }
}
