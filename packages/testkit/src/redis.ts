import { createConnection } from 'node:net';
import { findBinary } from './find-binary.ts';
import { freePort } from './free-port.ts';
import { startProcess } from './start-process.ts';
import { serverDir, unprivileged } from './unprivileged.ts';

/** A running redis-server of the test's own, without persistence. */
export interface RedisServer {
  /** redis://127.0.0.1:<port> */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
}

/** Starts a redis-server on 127.0.0.1 (about 50 ms); `port` is for one that comes back where another was. */
export async function startRedis(options: { port?: number } = {}): Promise<RedisServer> {
  const binary = findBinary('redis-server', 'redis-server');
  const port = options.port ?? (await freePort());
  const dir = await serverDir('vcap-redis');
  const settings = [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    dir.path,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  try {
    const server = await startProcess({
      argv: [binary, ...settings],
      ...unprivileged(),
      readyWhen: () => ping(port),
    });
    const end = async (): Promise<void> => {
      await server.stop();
      await dir.remove();
    };
    const kill = async (): Promise<void> => {
      await server.kill();
      await dir.remove();
    };
    return { url: `redis://127.0.0.1:${port}`, port, stop: end, kill };
  } catch (error) {
    await dir.remove();
    throw error;
  }
}

function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
