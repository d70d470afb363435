import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayClient, StandInController } from '@vcap/service-base';
import { freePort, startNats, startProcess, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer, RunningProcess, TempDir } from '@vcap/testkit';
import { stringify } from 'yaml';

export const token = 'broker-token';
const main = new URL('../../src/main.ts', import.meta.url).pathname;

/** A broker as a process, with a real bus and a stand-in cloud controller. */
export class RunningBroker {
  readonly controller = new StandInController(token);
  readonly nats: NatsServer;
  readonly dir: TempDir;
  readonly port: number;
  readonly client: GatewayClient;
  #process: RunningProcess | undefined;

  private constructor(parts: { nats: NatsServer; dir: TempDir; port: number }) {
    this.nats = parts.nats;
    this.dir = parts.dir;
    this.port = parts.port;
    this.client = new GatewayClient(`http://127.0.0.1:${parts.port}`, token);
  }

  static async prepare(): Promise<RunningBroker> {
    const [nats, dir, port] = await Promise.all([startNats(), tempDir('vcap-broker'), freePort()]);
    const broker = new RunningBroker({ nats, dir, port });
    await broker.controller.start();
    return broker;
  }

  get config(): string {
    return join(this.dir.path, 'service-broker.yml');
  }

  async start(over: Record<string, unknown> = {}): Promise<void> {
    const config = {
      mbus: this.nats.url,
      local_route: '127.0.0.1',
      token,
      external_uri: 'service-broker.vcap.me',
      port: this.port,
      local_db: `sqlite3:${join(this.dir.path, 'broker.db')}`,
      cloud_controller_uri: this.controller.url,
      heartbeat_interval: 0.3,
      ...over,
    };
    await writeFile(this.config, stringify(config));
    this.#process = await startProcess({
      argv: [process.execPath, '--conditions=source', main, '--config', this.config],
      readyWhen: '"event":"ready"',
      readyTimeoutMs: 60_000,
    });
  }

  output(): string {
    return this.#process?.output() ?? '';
  }

  async stop(): Promise<void> {
    await this.#process?.stop(20_000);
    this.#process = undefined;
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async end(): Promise<void> {
    await this.stop();
    await this.controller.stop();
    await this.nats.stop();
    await this.dir.remove();
  }

  offered(label: string): Promise<unknown> {
    return waitFor(() => this.controller.offerings.get(label)?.active, {
      what: `the offering ${label}`,
      timeoutMs: 20_000,
    });
  }
}
