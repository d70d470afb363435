import { serviceBind, serviceRestore } from '@vcap/bus';
import type { Logger, Trace } from '@vcap/bus';
import type { ControllerClient } from './controller-client.ts';
import type { HandleCache, ServiceHandle } from './handle-cache.ts';
import type { NodeClient } from './node-client.ts';
import { nodeOf } from './provisioner.ts';
import type { Provisioner } from './provisioner.ts';

/** Milliseconds that a node may take to load a backup. */
const loadMs = 600_000;

export interface RecoveryOptions {
  provisioner: Provisioner;
  client: NodeClient;
  controller: ControllerClient;
  cache: HandleCache;
  label: string;
  log: Logger;
}

/** Brings data back from backups: into its instance, or with its node lost into a new one of the same credentials. */
export class Recovery {
  readonly #options: RecoveryOptions;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  async restore(instance: string, path: string, trace: Trace): Promise<void> {
    const handle = await this.#options.provisioner.instance(instance);
    await this.#load(nodeOf(handle), instance, path, trace);
  }

  async recover(instance: string, path: string, trace: Trace): Promise<void> {
    const { provisioner, client, cache, log } = this.#options;
    const old = await provisioner.instance(instance);
    const { plan, version } = old.configuration as { plan?: string; version?: string };
    const { nodeId, credentials } = await provisioner.create(plan ?? 'free', version, old.credentials, trace);
    log.warn({ event: 'instance-recovered', instance, from: old.credentials['node_id'], to: nodeId });
    await this.update({ ...old, credentials });
    await this.#load(nodeId, instance, path, trace);
    for (const binding of cache.bindingsOf(instance)) {
      const message = { name: instance, bind_opts: optionsOf(binding), credentials: binding.credentials };
      const reply = await client.ask(serviceBind, nodeId, message, { trace });
      await this.update({ ...binding, credentials: reply.credentials });
    }
  }

  /** Has the cloud controller keep a changed handle, then keeps it here. */
  async update(handle: ServiceHandle): Promise<void> {
    await this.#options.controller.updateHandle(this.#options.label, handle);
    this.#options.cache.add(handle);
  }

  async #load(node: string, instance: string, path: string, trace: Trace): Promise<void> {
    const message = { instance_id: instance, backup_path: path };
    await this.#options.client.ask(serviceRestore, node, message, { trace, timeoutMs: loadMs });
  }
}

function optionsOf({ configuration }: ServiceHandle): Record<string, unknown> {
  const data = configuration['data'] as { binding_options?: Record<string, unknown> } | undefined;
  return data?.binding_options ?? {};
}
