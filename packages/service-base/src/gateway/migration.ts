import {
  serviceCleanupInstance,
  serviceDisableInstance,
  serviceEnableInstance,
  serviceImportInstance,
  serviceUnprovision,
  serviceUpdateInstance,
} from '@vcap/bus';
import type { ServiceInstanceHandles, Trace } from '@vcap/bus';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { HandleCache } from './handle-cache.ts';
import type { NodeClient } from './node-client.ts';
import type { Provisioner } from './provisioner.ts';
import type { Recovery } from './recovery.ts';

/** Dumping and loading take their time. */
const limitMs = 600_000;

const verbs = {
  disable: serviceDisableInstance,
  enable: serviceEnableInstance,
  import: serviceImportInstance,
  cleanupnfs: serviceCleanupInstance,
};

export interface MigrationOptions {
  provisioner: Provisioner;
  client: NodeClient;
  cache: HandleCache;
  recovery: Recovery;
  serviceName: string;
}

/**
 * The steps that move an instance to another node: disable (old), import (new), update (new), unprovision (old),
 * cleanupnfs. After an error: unprovision (new), enable (old).
 */
export class Migration {
  readonly #options: MigrationOptions;

  constructor(options: MigrationOptions) {
    this.#options = options;
  }

  async run(node: string, instance: string, action: string, trace: Trace): Promise<void> {
    if (!/^[A-Za-z0-9_-]+$/.test(node))
      throw new ServiceError(serviceErrors.malformed, 'that is not a node id');
    const { provisioner, cache, client } = this.#options;
    const handle = await provisioner.instance(instance);
    const handles: ServiceInstanceHandles = [handle, cache.bindingsOf(instance)];
    if (action === 'update') {
      await this.#update(node, handles, trace);
    } else if (action === 'unprovision') {
      const bindings = handles[1].map(({ credentials }) => credentials);
      await client.ask(serviceUnprovision, node, { name: instance, bindings }, { trace, timeoutMs: limitMs });
    } else if (action === 'check') {
      if (handle.credentials['node_id'] === node) return;
      throw new ServiceError(serviceErrors.internal, `${instance} is not on ${node}`);
    } else if (Object.hasOwn(verbs, action)) {
      await this.#exchange(
        verbs[action as keyof typeof verbs].of(this.#options.serviceName, node),
        handles,
        trace,
      );
    } else {
      throw new ServiceError(serviceErrors.notFound, `migration step ${action}`);
    }
  }

  instancesOf(node: string): string[] {
    return this.#options.cache
      .instances()
      .filter(({ credentials }) => credentials['node_id'] === node)
      .map(({ service_id }) => service_id);
  }

  async #update(node: string, handles: ServiceInstanceHandles, trace: Trace): Promise<void> {
    const subject = serviceUpdateInstance.of(this.#options.serviceName, node);
    const reply = await this.#options.client.exchange(subject, handles, { trace, timeoutMs: limitMs });
    if (!Array.isArray(reply)) throw ServiceError.from(reply.error.status, reply.error.msg);
    for (const handle of reply) await this.#options.recovery.update(handle);
  }

  async #exchange(
    subject: ReturnType<typeof serviceDisableInstance.of>,
    handles: ServiceInstanceHandles,
    trace: Trace,
  ): Promise<void> {
    const reply = await this.#options.client.exchange(subject, handles, { trace, timeoutMs: limitMs });
    if (!reply.success) throw ServiceError.from(reply.error.status, reply.error.msg);
  }
}
