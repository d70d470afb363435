import { Stage } from '../../src/index.ts';
import type { RunningGateway, RunningNode } from '../../src/index.ts';
import { freePort, startNats, tempDir, waitFor } from '@vcap/testkit';
import type { NatsServer } from '@vcap/testkit';
import { echoService } from './echo.ts';
import type { EchoConfig } from './echo.ts';

/** A bus, a stand-in cloud controller, and as many echo nodes and gateways as a test wants. */
export class EchoScene {
  readonly stage: Stage<EchoConfig>;
  readonly dir: string;
  readonly service: ReturnType<typeof echoService>;
  readonly #end: (() => Promise<unknown>)[];
  nats: NatsServer;

  private constructor(parts: {
    stage: Stage<EchoConfig>;
    dir: string;
    nats: NatsServer;
    service: ReturnType<typeof echoService>;
    end: (() => Promise<unknown>)[];
  }) {
    this.stage = parts.stage;
    this.dir = parts.dir;
    this.nats = parts.nats;
    this.service = parts.service;
    this.#end = parts.end;
  }

  static async start(redis?: string): Promise<EchoScene> {
    const [nats, dir] = await Promise.all([startNats(), tempDir('vcap-echo')]);
    const ports = [await freePort(), await freePort()] as const;
    const service = echoService({
      nats: nats.url,
      dir: dir.path,
      ports,
      ...(redis === undefined ? {} : { redis }),
    });
    const stage = new Stage(service);
    await stage.start();
    return new EchoScene({ stage, dir: dir.path, nats, service, end: [() => dir.remove()] });
  }

  async end(): Promise<void> {
    await this.stage.stop();
    await this.nats.stop();
    for (const each of this.#end) await each();
  }

  node(over: Record<string, unknown> = {}): Promise<RunningNode> {
    return this.stage.node({ node_id: 'node_0', ...over });
  }

  /** A node as a process that kills itself at a step. */
  async spawn(
    over: Record<string, unknown>,
    dieAt: string,
  ): Promise<{ exited: Promise<unknown>; kill: () => Promise<void> }> {
    const { spawn } = this.service;
    if (!spawn) throw new Error('the echo service cannot be spawned');
    return spawn(over, dieAt);
  }

  /** A gateway that knows so many nodes. */
  async gateway(over: Record<string, unknown> = {}, nodes = 1): Promise<RunningGateway> {
    const gateway = await this.stage.gateway(over);
    await this.knows(gateway, nodes);
    return gateway;
  }

  async knows(gateway: RunningGateway, nodes: number): Promise<void> {
    await waitFor(
      () => {
        const { nodes: known, handles_loaded: loaded } = gateway.varz();
        return loaded === true && Object.keys(known as object).length >= nodes;
      },
      { timeoutMs: 20_000 },
    );
  }
}

export const request = { label: 'conformance-1.0', name: 'mine', plan: 'free', email: 'user@example.org' };
