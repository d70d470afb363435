import { Bus, vcapComponentDiscover } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger, startGroup, stopGroup } from '@vcap/component';
import type { ComponentContext, Logger, Member } from '@vcap/component';
import type { Handle } from '@vcap/service-api';
import { Registry as MetricsRegistry } from 'prom-client';
import { gatewayConfigSchema } from '../gateway/config.ts';
import type { GatewayConfig } from '../gateway/config.ts';
import { buildGateway } from '../gateway/run-gateway.ts';
import { HttpServer } from '../http/http-server.ts';
import type { NodeConfig } from '../node/config.ts';
import type { Node } from '../node/node.ts';
import { buildNode } from '../node/run-node.ts';
import type { OnStep } from '../node/works.ts';
import { GatewayClient } from './gateway-client.ts';
import { StandInController } from './stand-in-controller.ts';

/** A gateway or node that runs in this process, with a bus connection of its own. */
export interface Running {
  readonly bus: Bus;
  varz(): Record<string, unknown>;
  stop(): Promise<void>;
}
export type RunningGateway = Running & { client: GatewayClient };
export type RunningNode = Running & { node: Node };

export interface StageOptions<C extends NodeConfig> {
  /** A real nats-server. */
  nats: string;
  serviceName: string;
  /** A valid configuration of a node; `over` has the keys that a check needs to differ, `node_id` among them. */
  nodeConfig: (over: Record<string, unknown>) => C;
  create: (context: ComponentContext<C>) => Node;
  /** More keys for the gateway's configuration; `service` is merged. */
  gatewayConfig?: Record<string, unknown>;
  log?: Logger;
}

const token = 'conformance-token';

/** A stand-in cloud controller with as many gateways and nodes as a test starts; `stop` ends them all. */
export class Stage<C extends NodeConfig> {
  readonly controller = new StandInController(token);
  readonly #options: StageOptions<C>;
  readonly #running = new Set<Running>();
  #count = 0;

  constructor(options: StageOptions<C>) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.controller.start();
  }

  async stop(): Promise<void> {
    for (const each of [...this.#running].toReversed()) await each.stop();
    await this.controller.stop();
  }

  async gateway(over: Record<string, unknown> = {}): Promise<RunningGateway> {
    const { gatewayConfig = {}, serviceName } = this.#options;
    const { service, ...rest } = { service: {}, ...gatewayConfig, ...over };
    const config: GatewayConfig = gatewayConfigSchema.parse({
      mbus: this.#options.nats,
      token,
      cloud_controller_uri: this.controller.url,
      handle_fetch_interval: 0.05,
      ...rest,
      service: { name: 'conformance', version: '1.0', ...service },
    });
    const running = await this.#run(config, `${serviceName}-Provisioner`, (context) =>
      buildGateway(context, { serviceName }),
    );
    const server = running.members.find((member) => member instanceof HttpServer);
    return { ...running, client: new GatewayClient(server?.url ?? '', token) };
  }

  async node(over: Record<string, unknown> = {}, onStep?: OnStep): Promise<RunningNode> {
    const { serviceName, create, nodeConfig } = this.#options;
    const config = nodeConfig(over);
    let made: Node | undefined;
    const running = await this.#run(config, `${serviceName}-Node`, (context) =>
      buildNode(context, {
        serviceName,
        create: (component) => (made = create(component)),
        ...(onStep === undefined ? {} : { onStep }),
      }),
    );
    return { ...running, node: made as Node };
  }

  /** As the cloud controller does after a gateway's answer. */
  save(handle: Handle): Handle {
    this.controller.handles.set(handle.service_id, handle);
    return handle;
  }

  async #run<X>(
    config: X,
    type: string,
    build: (context: ComponentContext<X>) => Member[],
  ): Promise<Running & { members: Member[] }> {
    const log = this.#options.log ?? silentLogger;
    const index = this.#count++;
    const bus = new Bus({ servers: [this.#options.nats], name: `${type}-${index}`, log, clock: systemClock });
    const fields = new Map<string, () => unknown>();
    const members = build({
      config,
      log,
      clock: systemClock,
      bus,
      identity: { type, index, uuid: `${index}-${type}`, ip: '127.0.0.1' },
      varz: { set: (name, value) => void fields.set(name, value) },
      metrics: new MetricsRegistry(),
    });
    const all: Member[] = [
      { name: 'bus', start: () => bus.start(), stop: () => bus.stop() },
      ...members,
      {
        name: 'discovered',
        start: async () => answerDiscovery(bus, type, index),
        stop: async () => undefined,
      },
    ];
    await startGroup(all, log);
    const running = {
      bus,
      members,
      varz: () => Object.fromEntries([...fields].map(([name, value]) => [name, value()])),
      stop: async () => {
        if (this.#running.delete(running)) await stopGroup(all, log);
      },
    };
    this.#running.add(running);
    return running;
  }
}

/** As every component answers. */
function answerDiscovery(bus: Bus, type: string, index: number): void {
  const answer = {
    type,
    index,
    uuid: `${index}-${type}`,
    host: '127.0.0.1:1',
    credentials: ['', ''] as [string, string],
    start: '',
  };
  bus.subscribe(vcapComponentDiscover, (_message, { reply }) => reply?.(answer));
}
