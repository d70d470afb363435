import { spawn } from 'node:child_process';
import { mkdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock } from '@vcap/clock';
import { freePort, tempDir } from '@vcap/testkit';
import { RuncWarden } from '@vcap/warden';
import type { Container } from '@vcap/warden';
import { untilAnswer } from './first-answer.ts';

const server = `require('node:http').createServer((_, response) => response.end('here')).listen(process.env.PORT)`;

/** Containers without a cluster around them, each with its own network, disk and every limit. */
export class BareWarden {
  readonly #dir: string;
  readonly #node: string;
  readonly #warden: RuncWarden;
  readonly #remove: () => Promise<void>;
  readonly #containers: Container[] = [];
  #count = 0;

  private constructor(dir: string, node: string, warden: RuncWarden, remove: () => Promise<void>) {
    this.#dir = dir;
    this.#node = node;
    this.#warden = warden;
    this.#remove = remove;
  }

  static async open(): Promise<BareWarden> {
    const dir = await tempDir('vcap-bench-warden');
    const node = await realpath(process.execPath);
    const source = dirname(dirname(node));
    const readOnlyPaths = source === '/usr' ? [] : [{ source }];
    const stateDir = join(dir.path, 'state');
    const warden = await RuncWarden.open({ clock: systemClock, stateDir, readOnlyPaths });
    return new BareWarden(dir.path, node, warden, () => dir.remove());
  }

  /** Milliseconds from the order for a container to the first answer of the server in it. */
  async serve(): Promise<number> {
    const port = await freePort();
    const handle = `bench-${(this.#count += 1)}`;
    const rootDir = join(this.#dir, handle);
    await mkdir(rootDir);
    const beganMs = performance.now();
    const container = await this.#warden.create({
      handle,
      rootDir,
      memoryMb: 128,
      diskMb: 256,
      fds: 256,
      inodes: 20_000,
      pids: 64,
      cpuShares: 16,
      cpuCores: 2,
      bandwidth: { bytesPerSecond: 1e9, burstBytes: 1e8 },
      egress: [{ protocol: 'tcp', destination: '192.0.2.1', ports: '3306' }],
      ports: [port],
    });
    this.#containers.push(container);
    await container.spawn({
      argv: [this.#node, '-e', server],
      cwd: 'app',
      env: { PORT: String(port), PATH: '/usr/bin:/bin' },
      stdoutPath: join(rootDir, 'logs/out'),
      stderrPath: join(rootDir, 'logs/err'),
    });
    return untilAnswer({ port, host: 'localhost' }, undefined, { beganMs });
  }

  /** The same of a plain child process. */
  async serveBare(): Promise<number> {
    const port = await freePort();
    const beganMs = performance.now();
    const child = spawn(this.#node, ['-e', server], { env: { PORT: String(port) }, stdio: 'ignore' });
    const gone = new Promise((resolve) => child.once('close', resolve));
    try {
      return await untilAnswer({ port, host: 'localhost' }, undefined, { beganMs });
    } finally {
      child.kill('SIGKILL');
      await gone;
    }
  }

  /** Destroys every container made so far. */
  async clear(): Promise<void> {
    await Promise.all(this.#containers.splice(0).map((container) => container.destroy()));
  }

  async close(): Promise<void> {
    await this.clear();
    await this.#warden.destroyOrphans();
    this.#warden.close();
    await this.#remove();
  }
}
