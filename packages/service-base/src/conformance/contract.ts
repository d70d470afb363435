import type { Handle } from '@vcap/service-api';
import type { NodeConfig } from '../node/config.ts';
import type { Credentials } from '../node/types.ts';
import { Stage } from './stage.ts';
import { eventually } from './tools.ts';
import type { RunningGateway, RunningNode, StageOptions } from './stage.ts';

/** What the kit must know of a service. */
export interface ServiceUnderTest<C extends NodeConfig = NodeConfig> extends StageOptions<C> {
  /** Do these credentials give access? */
  works: (credentials: Credentials) => Promise<boolean>;
  /**
   * Names of all instances and accounts that exist behind the service, by its own look and not by the registry's; the
   * kit compares before and after. Each `nodeConfig` of one `node_id` stands for one place.
   */
  traces: (node: RunningNode) => Promise<string[]>;
  /** Changes and reads one value in an instance's data; present when `dump` and `load` are. */
  data?: {
    write: (credentials: Credentials, value: string) => Promise<void>;
    read: (credentials: Credentials) => Promise<string>;
  };
  /**
   * Starts a node as a process that kills itself with SIGKILL at a step (`runNode`'s `onStep`); with it, crashes are
   * verified. It is ready when the promise resolves.
   */
  spawn?: (
    over: Record<string, unknown>,
    dieAt: string,
  ) => Promise<{ readonly exited: Promise<unknown>; kill: () => Promise<void> }>;
  /** A real redis-server; with it and `data`, snapshots are verified. */
  redis?: string;
  /** A directory for the blobstore; with it and `data`, migration is verified. */
  blobstore?: string;
  /** The key `s3` of a blobstore's configuration: blobs are kept there in place of the directory. */
  s3?: object;
}

/** A stage with a gateway and a node that know each other. */
export class Scene<C extends NodeConfig> {
  readonly service: ServiceUnderTest<C>;
  readonly stage: Stage<C>;
  readonly gateway: RunningGateway;
  readonly node: RunningNode;

  private constructor(
    service: ServiceUnderTest<C>,
    stage: Stage<C>,
    parts: { gateway: RunningGateway; node: RunningNode },
  ) {
    this.service = service;
    this.stage = stage;
    this.gateway = parts.gateway;
    this.node = parts.node;
  }

  static async run<C extends NodeConfig>(
    service: ServiceUnderTest<C>,
    over: { gateway?: Record<string, unknown>; node?: Record<string, unknown> },
    play: (scene: Scene<C>) => Promise<void>,
  ): Promise<void> {
    const stage = new Stage(service);
    await stage.start();
    try {
      const node = await stage.node({ node_id: 'node_0', ...over.node });
      const gateway = await stage.gateway({ service: { version: node.node.versions[0] }, ...over.gateway });
      const scene = new Scene(service, stage, { gateway, node });
      await scene.ready(gateway, 1);
      await play(scene);
    } finally {
      await stage.stop();
    }
  }

  /** Waits until a gateway has its handles and knows so many nodes. */
  async ready(gateway: RunningGateway, nodes: number): Promise<void> {
    await eventually('the gateway to know its nodes', () => {
      const { nodes: known, handles_loaded: loaded } = gateway.varz();
      return loaded === true && Object.keys(known as object).length >= nodes;
    });
  }

  request(over: Record<string, unknown> = {}): Record<string, unknown> {
    const version = this.node.node.versions[0];
    return {
      label: `conformance-${version}`,
      name: 'mine',
      plan: 'free',
      email: 'user@example.org',
      ...over,
    };
  }

  async provision(gateway: RunningGateway = this.gateway): Promise<Handle & { credentials: Credentials }> {
    const handle = this.stage.save(await gateway.client.provision(this.request()));
    return handle as Handle & { credentials: Credentials };
  }

  async bind(
    id: string,
    gateway: RunningGateway = this.gateway,
  ): Promise<Handle & { credentials: Credentials }> {
    const handle = this.stage.save(await gateway.client.bind(id));
    return handle as Handle & { credentials: Credentials };
  }

  traces(node: RunningNode = this.node): Promise<string[]> {
    return this.service.traces(node).then((names) => [...names].toSorted());
  }
}

/** One promise of the contract, and the play that shows it kept. */
export interface Check {
  name: string;
  run: () => Promise<void>;
}
