import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bus, routerRegister } from '@vcap/bus';
import type { Logger } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { freePort, startNats, startProcess, tempDir, waitFor } from '@vcap/testkit';
import { stringify } from 'yaml';

const node = [process.execPath, '--conditions=source', '--disable-warning=ExperimentalWarning'] as const;
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const quiet = { info() {}, warn() {}, error() {}, debug() {} } as unknown as Logger;

export interface Piece {
  port: number;
  stop(): Promise<unknown>;
}

/** One of our halves as a process; it tells its port. */
export async function startHalf(name: 'server.ts' | 'listener.ts', args: string[]): Promise<Piece> {
  const running = await startProcess({ argv: [...node, file(name), ...args], readyWhen: /port \d+/ });
  return { port: Number(/port (\d+)/.exec(running.output())?.[1]), stop: () => running.stop() };
}

/** A real router in front of `target`; gives back what the client calls. */
export async function startRouter(target: number): Promise<Piece & { url: string }> {
  const nats = await startNats();
  const dir = await tempDir('tunnel-bench');
  const port = await freePort();
  const config = join(dir.path, 'router.yml');
  await writeFile(config, stringify({ mbus: nats.url, local_route: '127.0.0.1', ip: '127.0.0.1', port }));
  const running = await startProcess({
    argv: [...node, file('../../../services/router/src/main.ts'), '--config', config],
    readyWhen: '"event":"ready"',
  });
  const bus = new Bus({ servers: [nats.url], name: 'bench', log: quiet, clock: systemClock });
  await bus.start();
  const host = 'caldecott.localhost';
  const register = (): void =>
    bus.publish(routerRegister, {
      host: '127.0.0.1',
      port: target,
      uris: [host],
      tags: {},
      private_instance_id: 'one',
    });
  const timer = systemClock.setInterval(register, 5000);
  register();
  await waitFor(async () => {
    const { default: http } = await import('node:http');
    return new Promise<boolean>((resolve) => {
      http.get({ port, host: '127.0.0.1', path: '/info', headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
    });
  });
  return {
    port,
    url: `http://${host}:${port}`,
    stop: async () => {
      timer.cancel();
      await bus.stop();
      await running.stop();
      await nats.stop();
      await dir.remove();
    },
  };
}
