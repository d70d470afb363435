import { fileURLToPath } from 'node:url';
import { startProcess } from '@vcap/testkit';
import type { RunningProcess } from '@vcap/testkit';
import type { DialectName } from '../../src/db/open.ts';
import { ServiceJanitor } from '../../src/adapters/service-janitor.ts';
import { ApiClient } from './client.ts';
import { TestCloud } from './cloud.ts';
import type { Controller } from './cloud.ts';
import { stageAtOnce } from './doubles.ts';

export const token = 'the token of echo';
export const brokerToken = 'the token of a broker';

interface GatewayState {
  instances: string[];
  bindings: string[];
  /** What it was asked, in order. */
  seen: string[];
  traces: string[];
  /** Bodies of imports. */
  imported: unknown[];
}

/** The echo gateway in a process of its own. */
export class GatewayProcess {
  readonly url: string;
  readonly #process: RunningProcess;

  private constructor(process: RunningProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  static async start(): Promise<GatewayProcess> {
    const program = fileURLToPath(new URL('echo-gateway.ts', import.meta.url));
    const running = await startProcess({
      argv: [process.execPath, '--no-warnings', program],
      env: { ...process.env, NODE_OPTIONS: '', TOKEN: token },
      readyWhen: /listening on \d+/,
    });
    const port = /listening on (\d+)/.exec(running.output())?.[1] ?? '';
    return new GatewayProcess(running, `http://127.0.0.1:${port}`);
  }

  async mode(mode: Record<string, unknown>): Promise<void> {
    await new ApiClient(this.url).call('PUT', '/_mode', mode);
  }

  async state(): Promise<GatewayState> {
    return (await new ApiClient(this.url).get('/_state')).body as GatewayState;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.signal(signal);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

/** A cloud with one service, offered by a gateway that runs as a process of its own. */
export class ServiceCloud {
  readonly cloud: TestCloud;
  readonly controller: Controller;
  readonly gateway: GatewayProcess;
  /** Calls as the gateway does. */
  readonly asGateway: ApiClient;
  #users = 0;

  private constructor(cloud: TestCloud, controller: Controller, gateway: GatewayProcess) {
    this.cloud = cloud;
    this.controller = controller;
    this.gateway = gateway;
    this.asGateway = controller.api.with({ 'x-vcap-service-token': token });
  }

  static async start(dialect: DialectName, settings: Record<string, unknown> = {}): Promise<ServiceCloud> {
    const [cloud, gateway] = await Promise.all([TestCloud.start(dialect), GatewayProcess.start()]);
    const controller = await cloud.controller(await cloud.database(), {
      builtin_services: { echo: { token } },
      service_broker: { token: brokerToken },
      ...settings,
    });
    return new ServiceCloud(cloud, controller, gateway);
  }

  offer(more: Record<string, unknown> = {}) {
    return this.asGateway.call('POST', '/services/v1/offerings', {
      label: 'echo-1.0',
      url: this.gateway.url,
      description: 'Says it again',
      plans: ['free', 'standard'],
      tags: ['echo', 'relational'],
      active: true,
      ...more,
    });
  }

  user(): Promise<ApiClient> {
    return this.controller.api.as(`user${++this.#users}@test.dev`);
  }

  /** Makes an instance of the service. */
  create(client: ApiClient, name: string, more: Record<string, unknown> = {}) {
    return client.call('POST', '/services', {
      type: 'generic',
      tier: 'free',
      vendor: 'echo',
      version: '1.0',
      name,
      ...more,
    });
  }

  /** An app with bits, started or not. */
  async app(client: ApiClient, name: string, state: 'STARTED' | 'STOPPED' = 'STOPPED'): Promise<void> {
    this.cloud.world.stage = stageAtOnce;
    const made = { name, staging: { framework: 'node' }, instances: 1, resources: { memory: 64 } };
    await client.call('POST', '/apps', made);
    const multipart = client.with({ 'content-type': 'multipart/form-data; boundary=1' });
    await multipart.call('PUT', `/apps/${name}/application`, 'bits');
    if (state === 'STARTED') await client.call('PUT', `/apps/${name}`, { state });
    this.cloud.world.orders.length = 0;
  }

  /** One look of the janitor, as any controller of the cloud would do. */
  janitor(): Promise<void> {
    return new ServiceJanitor(this.controller.services).look();
  }

  async stop(): Promise<void> {
    await this.cloud.stop();
    await this.gateway.stop();
  }
}
