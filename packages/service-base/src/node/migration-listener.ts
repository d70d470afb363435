import {
  serviceCleanupInstance,
  serviceDisableInstance,
  serviceEnableInstance,
  serviceImportInstance,
  serviceUpdateInstance,
} from '@vcap/bus';
import type { ServiceHandle, ServiceInstanceHandles, Trace } from '@vcap/bus';
import type { Blobstore } from '@vcap/blobstore';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { Member } from '@vcap/component';
import type { NodeContext } from './context.ts';
import { dumpOf, loadFrom } from './dumps.ts';
import type { Operations } from './operations.ts';
import type { RequestListener } from './request-listener.ts';
import type { Instance, JobWork } from './types.ts';
import { never } from './works.ts';

/** The steps of moving an instance between nodes; the dump goes through the blobstore that they share. */
export class MigrationListener implements Member {
  readonly name = 'migration';
  readonly #context: NodeContext;
  readonly #operations: Operations;
  readonly #requests: RequestListener;
  readonly #store: Blobstore | undefined;

  constructor(
    context: NodeContext,
    parts: { operations: Operations; requests: RequestListener; store: Blobstore | undefined },
  ) {
    this.#context = context;
    this.#operations = parts.operations;
    this.#requests = parts.requests;
    this.#store = parts.store;
  }

  async start(): Promise<void> {
    const ok = { success: true } as const;
    this.#requests.serve(serviceDisableInstance, 'disable', async ([instance], trace) => {
      await this.#disable(instance.service_id, trace);
      return ok;
    });
    this.#requests.serve(serviceEnableInstance, 'enable', async ([instance], trace) => {
      await this.#enable(instance.service_id, trace);
      return ok;
    });
    this.#requests.serve(serviceImportInstance, 'import', async ([instance], trace) => {
      await this.#import(instance, trace);
      return ok;
    });
    this.#requests.serve(serviceUpdateInstance, 'update', (handles, trace) => this.#update(handles, trace));
    this.#requests.serve(serviceCleanupInstance, 'cleanupnfs', async ([instance]) => {
      await this.#needStore().delete(this.#key(instance.service_id));
      return ok;
    });
  }

  async stop(): Promise<void> {}

  /** No access first, then the dump: nothing is written that the dump lacks. */
  async #disable(name: string, trace: Trace): Promise<void> {
    const { node, registry, lanes } = this.#context;
    const store = this.#needStore();
    await lanes.run(name, async () => {
      const instance = this.#instance(name);
      const work = this.#work('disable', trace);
      await node.disable(instance, registry.bindings(name), work);
      try {
        await store.put(this.#key(name), dumpOf(node, instance, work));
      } catch (error) {
        await node.enable(instance, registry.bindings(name), work);
        throw error;
      }
    });
  }

  async #enable(name: string, trace: Trace): Promise<void> {
    const { node, registry, lanes } = this.#context;
    await lanes.run(name, () =>
      node.enable(this.#instance(name), registry.bindings(name), this.#work('enable', trace)),
    );
  }

  async #import(handle: ServiceHandle, trace: Trace): Promise<void> {
    const { node, lanes, config } = this.#context;
    const name = handle.service_id;
    const dump = await this.#needStore().open(this.#key(name));
    if (!dump) throw new ServiceError(serviceErrors.notFound, `dump of ${name}`);
    const asked = handle.configuration as { version?: unknown };
    const version = typeof asked.version === 'string' ? asked.version : (node.versions[0] ?? '');
    try {
      const request = { plan: config.plan, version, given: handle.credentials };
      const instance = await this.#operations.provision(request, never, trace);
      try {
        await lanes.run(name, () => loadFrom(node, instance, dump.body, this.#work('import', trace)));
      } catch (error) {
        await this.#operations.unprovision(name, trace);
        throw error;
      }
    } finally {
      dump.body.destroy();
    }
  }

  /** The bindings with their old accounts, here; handles as they now are. */
  async #update([instance, bindings]: ServiceInstanceHandles, trace: Trace): Promise<ServiceHandle[]> {
    const { config } = this.#context;
    const own = this.#instance(instance.service_id);
    const updated: ServiceHandle[] = [
      { ...instance, credentials: { ...own.credentials, node_id: config.node_id } },
    ];
    for (const handle of bindings) {
      const data = handle.configuration['data'] as { binding_options?: Record<string, unknown> } | undefined;
      const options = data?.binding_options ?? {};
      const bound = await this.#operations.bind(own.name, options, handle.credentials, never, trace);
      updated.push({ ...handle, credentials: bound.credentials });
    }
    return updated;
  }

  #instance(name: string): Instance {
    const instance = this.#context.registry.instance(name);
    if (!instance) throw this.#context.node.instanceNotFound(name);
    return instance;
  }

  #needStore(): Blobstore {
    if (this.#store) return this.#store;
    throw new ServiceError(serviceErrors.notEnabled, 'migration (the node has no blobstore)');
  }

  #key(name: string): string {
    return `migration/${this.#context.serviceName}/${name}`;
  }

  #work(what: string, trace: Trace): JobWork {
    return {
      ...this.#context.work(what, never, trace),
      progress: (text) => this.#context.log.info({ event: 'migration', step: what, text }),
    };
  }
}
