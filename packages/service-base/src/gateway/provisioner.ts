import { randomUUID } from 'node:crypto';
import { serviceBind, serviceProvision, serviceUnbind, serviceUnprovision } from '@vcap/bus';
import type { Logger, ServiceCredentials, Trace } from '@vcap/bus';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { BindRequest, ProvisionRequest, UnbindRequest } from '@vcap/service-api';
import type { GatewayBackend } from './backend.ts';
import type { GatewayConfig } from './config.ts';
import type { HandleCache, ServiceHandle } from './handle-cache.ts';
import type { HandleSource } from './handle-source.ts';
import type { NodeClient } from './node-client.ts';
import type { NodeDirectory } from './node-directory.ts';
import { resolve } from './offering.ts';

const mostNodesTried = 3;

export interface ProvisionerOptions {
  config: GatewayConfig;
  cache: HandleCache;
  handles: HandleSource;
  nodes: NodeDirectory;
  client: NodeClient;
  log: Logger;
  /** An instance is gone: what hangs on it may go. */
  gone: (instance: string) => Promise<void> | undefined;
}

/** Has instances and bindings made by nodes. Keeps no truth: handles are the cloud controller's, data the nodes'. */
export class Provisioner implements GatewayBackend {
  readonly #options: ProvisionerOptions;

  constructor(options: ProvisionerOptions) {
    this.#options = options;
  }

  async provision(request: ProvisionRequest, trace: Trace): Promise<ServiceHandle> {
    const { plan, version } = resolve(this.#options.config.service, request);
    const { credentials } = await this.create(plan, version, undefined, trace);
    const handle = { service_id: credentials.name, configuration: { plan, version }, credentials };
    this.#options.cache.add(handle);
    return handle;
  }

  /** Makes an instance on the best node; a full one sends it to the next. `given` credentials are kept. */
  async create(
    plan: string,
    version: string | undefined,
    given: ServiceCredentials | undefined,
    trace: Trace,
  ): Promise<{ nodeId: string; credentials: ServiceCredentials }> {
    const { nodes, client, config } = this.#options;
    const overProvision = config.plan_management.plans[plan]?.allow_over_provisioning ?? false;
    const tried = new Set<string>();
    for (;;) {
      const { id, done } = nodes.take({ plan, version, overProvision, except: tried });
      try {
        const message = { plan, version, ...(given === undefined ? {} : { credentials: given }) };
        const reply = await client.ask(serviceProvision, id, message, {
          trace,
          undo: ({ credentials }) => this.#dropInstance(id, credentials.name, trace),
        });
        done(true);
        return { nodeId: id, credentials: { ...reply.credentials, node_id: id } };
      } catch (error) {
        // Silence may still mean that it was made: the next announcement tells the truth.
        done(error instanceof ServiceError && error.code === serviceErrors.gatewayTimeout.code);
        tried.add(id);
        const elsewhere = error instanceof ServiceError && error.retryElsewhere;
        if (!elsewhere || tried.size >= mostNodesTried) throw error;
      }
    }
  }

  async unprovision(instance: string, trace: Trace): Promise<void> {
    const { cache, client, gone, log, nodes } = this.#options;
    const handle = await this.instance(instance);
    const bindings = cache.bindingsOf(instance);
    const message = { name: instance, bindings: bindings.map(({ credentials }) => credentials) };
    const forget = (): void => {
      for (const { service_id } of [...bindings, handle]) cache.remove(service_id);
      gone(instance)?.catch((err: unknown) => log.warn({ event: 'snapshots-left', instance, err }));
    };
    const node = nodeOf(handle);
    const asked = client.ask(serviceUnprovision, node, message, { trace });
    await this.#untilGone(
      asked.then(() => nodes.freed(node)),
      forget,
    );
  }

  async bind(request: BindRequest, trace: Trace): Promise<ServiceHandle> {
    const { client, cache } = this.#options;
    const instance = await this.instance(request.service_id);
    const node = nodeOf(instance);
    const message = { name: instance.service_id, bind_opts: request.binding_options };
    const { credentials } = await client.ask(serviceBind, node, message, {
      trace,
      undo: (late) => this.#dropBinding(node, late.credentials, trace),
    });
    const configuration = { ...instance.configuration, data: { binding_options: request.binding_options } };
    const handle = { service_id: randomUUID(), configuration, credentials };
    cache.add(handle);
    return handle;
  }

  async unbind({ handle_id }: UnbindRequest, trace: Trace): Promise<void> {
    const { cache, handles, client } = this.#options;
    const binding = await handles.find(() => cache.get(handle_id));
    if (!binding) throw new ServiceError(serviceErrors.notFound, `binding ${handle_id}`);
    const instance = await this.instance(binding.credentials.name);
    const asked = client.ask(
      serviceUnbind,
      nodeOf(instance),
      { credentials: binding.credentials },
      { trace },
    );
    await this.#untilGone(asked, () => cache.remove(handle_id));
  }

  /** The handle of an instance, fetched when it is not here; 30300. */
  async instance(id: string): Promise<ServiceHandle> {
    const { cache, handles } = this.#options;
    const handle = await handles.find(() => cache.instance(id));
    if (!handle) throw new ServiceError(serviceErrors.notFound, `service instance ${id}`);
    return handle;
  }

  /** A handle is kept until the node says that the thing is gone, or was never there. */
  async #untilGone(asked: Promise<unknown>, forget: () => void): Promise<void> {
    try {
      await asked;
    } catch (error) {
      if (error instanceof ServiceError && error.status === 404) forget();
      throw error;
    }
    forget();
  }

  async #dropInstance(node: string, name: string, trace: Trace): Promise<void> {
    await this.#options.client.ask(serviceUnprovision, node, { name, bindings: [] }, { trace });
  }

  async #dropBinding(node: string, credentials: ServiceCredentials, trace: Trace): Promise<void> {
    await this.#options.client.ask(serviceUnbind, node, { credentials }, { trace });
  }
}

/** The node that an instance lives on. */
export function nodeOf(handle: ServiceHandle): string {
  const id = handle.credentials['node_id'];
  if (typeof id === 'string' && /^[A-Za-z0-9_-]+$/.test(id)) return id;
  throw new ServiceError(serviceErrors.internal, `the handle of ${handle.service_id} names no node`);
}
