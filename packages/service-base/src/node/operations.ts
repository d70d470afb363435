import type { Trace } from '@vcap/bus';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { Capacity } from './capacity.ts';
import type { NodeContext } from './context.ts';
import { AlreadyExistsError } from './replies.ts';
import type { BindingRow } from './registry.ts';
import { never } from './works.ts';
import type { Binding, Credentials, Instance, InstanceRequest, Work } from './types.ts';

/**
 * The effects of a node, each under its instance's lock: first a row that says what is about to be, then the service's
 * method, then the row's new state. What fails or comes too late is undone from the row.
 */
export class Operations {
  readonly #context: NodeContext;
  readonly #capacity: Capacity;
  /** For /varz. */
  readonly counters = { provision_served: 0, binding_served: 0, undone: 0 };

  constructor(context: NodeContext, capacity: Capacity) {
    this.#context = context;
    this.#capacity = capacity;
  }

  /** Rejects without having touched anything when a given name is taken. */
  async provision(request: InstanceRequest, signal: AbortSignal, trace: Trace): Promise<Instance> {
    const { node, registry, lanes } = this.#context;
    if (!node.versions.includes(request.version)) {
      throw new ServiceError(serviceErrors.unsupportedVersion, request.version);
    }
    if (request.given) this.#checkName(request.given.name);
    const credentials = node.newInstance(request);
    const { plan, version } = request;
    const instance: Instance = { name: credentials.name, plan, version, credentials, data: {} };
    return lanes.run(instance.name, async () => {
      signal.throwIfAborted();
      if (registry.instanceRow(instance.name) || (request.given && (await node.exists(instance)))) {
        throw new AlreadyExistsError(`instance ${instance.name}`);
      }
      this.#capacity.take();
      registry.addInstance(instance);
      const work = this.#work('provision', signal, trace);
      try {
        work.step('recorded');
        await node.provision(instance, work);
        work.step('made');
      } catch (cause) {
        if (cause instanceof AlreadyExistsError) registry.removeInstance(instance.name);
        else await this.#undo(() => this.#removeInstance(instance.name, trace), trace);
        throw cause;
      }
      registry.setInstanceState(instance.name, 'ready');
      this.#capacity.changed();
      this.counters.provision_served++;
      return instance;
    });
  }

  /** Once begun it goes on to its end, in this process or the next. */
  async unprovision(name: string, trace: Trace): Promise<void> {
    const { node, registry, lanes } = this.#context;
    await lanes.run(name, async () => {
      if (!registry.instanceRow(name)) throw node.instanceNotFound(name);
      await this.#removeInstance(name, trace);
    });
  }

  async bind(
    name: string,
    options: Readonly<Record<string, unknown>>,
    given: Credentials | undefined,
    signal: AbortSignal,
    trace: Trace,
  ): Promise<Binding> {
    const { node, registry, lanes } = this.#context;
    return lanes.run(name, async () => {
      signal.throwIfAborted();
      const instance = registry.instance(name);
      if (!instance) throw node.instanceNotFound(name);
      const credentials = node.newBinding(instance, options, given);
      const binding: Binding = { instance: name, credentials, options };
      const account = node.accountOf(credentials);
      const work = this.#work('bind', signal, trace);
      if (this.#isOwn(instance, account) || registry.bindingRow(name, account)?.state === 'ready') {
        await node.bind(instance, binding, work);
        return binding;
      }
      if (registry.ownerOf(account) !== undefined) throw new AlreadyExistsError(`account ${account}`);
      registry.addBinding(binding, account);
      try {
        work.step('recorded');
        await node.bind(instance, binding, work);
        work.step('made');
      } catch (cause) {
        if (cause instanceof AlreadyExistsError) registry.removeBinding(name, account);
        else
          await this.#undo(
            () => this.#removeBinding({ ...binding, account, state: 'deleting' }, trace),
            trace,
          );
        throw cause;
      }
      registry.setBindingState(name, account, 'ready');
      this.counters.binding_served++;
      return binding;
    });
  }

  /** The instance's own account stays, and that is no failure. */
  async unbind(credentials: Credentials, trace: Trace): Promise<void> {
    const { node, registry, lanes } = this.#context;
    const account = node.accountOf(credentials);
    await lanes.run(credentials.name, async () => {
      const instance = registry.instanceRow(credentials.name);
      if (instance && this.#isOwn(instance, account)) return;
      const row = registry.bindingRow(credentials.name, account);
      if (!row) throw node.bindingNotFound(account);
      await this.#removeBinding(row, trace);
    });
  }

  /** Deletes what nobody owns; unknown to the registry or not. Names that are not of this service are left alone. */
  async purge(names: readonly string[], bindings: readonly Credentials[], trace: Trace): Promise<void> {
    const { node, registry, lanes } = this.#context;
    for (const credentials of bindings) {
      this.#checkName(credentials.name);
      const account = node.accountOf(credentials);
      await lanes.run(credentials.name, async () => {
        const instance = registry.instanceRow(credentials.name);
        if (instance && this.#isOwn(instance, account)) return;
        const known = registry.bindingRow(credentials.name, account);
        const stray = {
          instance: credentials.name,
          credentials,
          options: {},
          account,
          state: 'deleting',
        } as const;
        await this.#removeBinding(known ?? stray, trace);
      });
    }
    for (const name of names) {
      this.#checkName(name);
      await lanes.run(name, () => this.#removeInstance(name, trace));
    }
  }

  /** Ends what was begun before a crash or failed: rows that are not ready and that nobody works on. */
  async repair(trace: Trace): Promise<number> {
    const { registry, lanes, log } = this.#context;
    let repaired = 0;
    const idle = (name: string): boolean => !lanes.busy(name);
    const names = registry.instanceRows().filter(({ state, name }) => state !== 'ready' && idle(name));
    const bindings = registry.allBindingRows().filter((row) => row.state !== 'ready' && idle(row.instance));
    // The state is read again under the lock: the name may have come to new life meanwhile.
    const all = [
      ...names.map(({ name }) => async () => {
        const row = registry.instanceRow(name);
        if (row && row.state !== 'ready') await this.#removeInstance(name, trace);
      }),
      ...bindings.map(({ instance, account }) => async () => {
        const row = registry.bindingRow(instance, account);
        if (row && row.state !== 'ready') await this.#removeBinding(row, trace);
      }),
    ];
    const keys = [...names.map(({ name }) => name), ...bindings.map(({ instance }) => instance)];
    for (const [index, remove] of all.entries()) {
      const key = keys[index] ?? '';
      try {
        await lanes.run(key, remove);
        repaired++;
      } catch (err) {
        log.error({ event: 'repair-failed', instance: key, err });
      }
    }
    if (repaired > 0) log.warn({ event: 'repaired', rows: repaired });
    return repaired;
  }

  #isOwn(instance: Instance, account: string): boolean {
    return account === '' || account === this.#context.node.accountOf(instance.credentials);
  }

  #checkName(name: string): void {
    if (this.#context.node.isInstanceName(name)) return;
    throw new ServiceError(serviceErrors.malformed, `${JSON.stringify(name)} is not a name of an instance`);
  }

  async #removeInstance(name: string, trace: Trace): Promise<void> {
    const { node, registry } = this.#context;
    const instance = registry.instanceRow(name);
    const work = this.#work('unprovision', never, trace);
    registry.setInstanceState(name, 'deleting');
    work.step('recorded');
    for (const row of registry.bindingRows(name)) await node.unbind(row, work);
    await node.unprovision(instance ?? { name }, work);
    work.step('deleted');
    registry.removeInstance(name);
    this.#capacity.changed();
  }

  async #removeBinding(row: BindingRow, trace: Trace): Promise<void> {
    const { node, registry } = this.#context;
    const work = this.#work('unbind', never, trace);
    registry.setBindingState(row.instance, row.account, 'deleting');
    work.step('recorded');
    await node.unbind(row, work);
    work.step('deleted');
    registry.removeBinding(row.instance, row.account);
  }

  /** A failed undoing is left to the next `repair`. */
  async #undo(remove: () => Promise<void>, trace: Trace): Promise<void> {
    try {
      await remove();
      this.counters.undone++;
    } catch (err) {
      this.#context.log.error({ event: 'undo-failed', trace_id: trace.traceId, err });
    }
  }

  #work(what: string, signal: AbortSignal, trace: Trace): Work {
    return this.#context.work(what, signal, trace);
  }
}
