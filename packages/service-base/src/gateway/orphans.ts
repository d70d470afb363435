import { serviceCheckOrphan, serviceNodeHandles, servicePurgeOrphan } from '@vcap/bus';
import type { Bus, Logger, ServiceNodeHandles, Subscription, Trace } from '@vcap/bus';
import { newTrace } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { Credentials, PurgeOrphanRequest } from '@vcap/service-api';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { HandleCache } from './handle-cache.ts';
import type { HandleSource } from './handle-source.ts';

export interface OrphansOptions {
  bus: Bus;
  clock: Clock;
  log: Logger;
  serviceName: string;
  cache: HandleCache;
  handles: HandleSource;
  /** Seconds; 0 or less: only when asked. */
  interval: number;
  doubleCheck: number;
}

/**
 * Finds what nodes have and the cloud controller does not. A finding counts when it is still unknown after the double
 * check, with handles fetched anew; then it shows in /varz and an operator may have it purged. Nothing goes by itself.
 */
export class Orphans implements Member {
  readonly name = 'orphans';
  readonly #options: OrphansOptions;
  #staged = new Map<string, { instances: Set<string>; bindings: Map<string, Credentials> }>();
  #subscription: Subscription | undefined;
  #timer: Timer | undefined;
  #check: Timer | undefined;
  /** By node id; the last finished check's. */
  instances: Record<string, string[]> = {};
  bindings: Record<string, Credentials[]> = {};

  constructor(options: OrphansOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bus, clock, log, serviceName, interval } = this.#options;
    this.#subscription = bus.subscribe(serviceNodeHandles.of(serviceName), (report) => this.#stage(report));
    if (interval > 0) {
      const begin = (): void => {
        this.check(newTrace()).catch((error: unknown) =>
          log.warn({ event: 'orphan-check-failed', why: String(error) }),
        );
      };
      this.#timer = clock.setInterval(begin, interval * 1000);
    }
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#check?.cancel();
    this.#subscription?.unsubscribe();
  }

  /** Asks the nodes and returns at once; the result is there after the double check. */
  async check(trace: Trace): Promise<void> {
    const { bus, serviceName, handles } = this.#options;
    if (!(await handles.fetch()))
      throw new ServiceError(serviceErrors.unavailable, 'the handles cannot be fetched');
    this.#staged = new Map();
    bus.publish(serviceCheckOrphan.of(serviceName), 'Send Me Handles', trace);
    this.#concludeLater();
  }

  /** Has nodes delete what an operator lists; what the cloud controller knows is left out. */
  async purge(request: PurgeOrphanRequest, trace: Trace): Promise<void> {
    const { bus, log, serviceName, handles } = this.#options;
    if (!(await handles.fetch()))
      throw new ServiceError(serviceErrors.unavailable, 'the handles cannot be fetched');
    const { instances, accounts } = this.#known();
    const nodes = new Set([
      ...Object.keys(request.orphan_instances),
      ...Object.keys(request.orphan_bindings),
    ]);
    for (const node of nodes) {
      const names = (request.orphan_instances[node] ?? []).filter((name) => !instances.has(name));
      const bindings = (request.orphan_bindings[node] ?? []).filter((each) => !accounts.has(keyOf(each)));
      if (names.length + bindings.length === 0) continue;
      log.warn({ event: 'orphans-purged', node, instances: names, bindings: bindings.length });
      const message = { orphan_ins_list: names, orphan_binding_list: bindings };
      bus.publish(servicePurgeOrphan.of(serviceName, checked(node)), message, trace);
      if (this.instances[node])
        this.instances[node] = this.instances[node].filter((name) => !names.includes(name));
      const gone = new Set(bindings.map(keyOf));
      const staged = this.#staged.get(node);
      for (const name of names) staged?.instances.delete(name);
      for (const key of gone) staged?.bindings.delete(key);
      if (this.bindings[node])
        this.bindings[node] = this.bindings[node].filter((each) => !gone.has(keyOf(each)));
    }
  }

  #stage({ node_id, instances_list, bindings_list }: ServiceNodeHandles): void {
    if (!this.#options.cache.loaded) return;
    const { instances, accounts } = this.#known();
    const staged = this.#staged.get(node_id) ?? { instances: new Set(), bindings: new Map() };
    this.#staged.set(node_id, staged);
    for (const name of instances_list) if (!instances.has(name)) staged.instances.add(name);
    for (const each of bindings_list) if (!accounts.has(keyOf(each))) staged.bindings.set(keyOf(each), each);
    if (this.#check) this.#concludeLater();
  }

  /** The last report waits for its double check too: what it tells of may just be on its way to the controller. */
  #concludeLater(): void {
    const { clock, log, doubleCheck } = this.#options;
    this.#check?.cancel();
    this.#check = clock.setTimeout(() => {
      this.#conclude().catch((err: unknown) => log.error({ event: 'orphan-check-failed', err }));
    }, doubleCheck * 1000);
  }

  async #conclude(): Promise<void> {
    const { handles, log } = this.#options;
    if (!(await handles.fetch())) {
      log.warn({ event: 'orphan-check-failed', why: 'the handles cannot be fetched' });
      return;
    }
    const { instances, accounts } = this.#known();
    const foundInstances: Record<string, string[]> = {};
    const foundBindings: Record<string, Credentials[]> = {};
    for (const [node, staged] of this.#staged) {
      const names = [...staged.instances].filter((name) => !instances.has(name));
      const bindings = [...staged.bindings].filter(([key]) => !accounts.has(key)).map(([, each]) => each);
      if (names.length > 0) foundInstances[node] = names;
      if (bindings.length > 0) foundBindings[node] = bindings;
    }
    this.instances = foundInstances;
    this.bindings = foundBindings;
    log.info({ event: 'orphan-check-done', nodes: this.#staged.size, instances: foundInstances });
  }

  #known(): { instances: Set<string>; accounts: Set<string> } {
    const all = this.#options.cache.all();
    return {
      instances: new Set(all.map(({ credentials }) => credentials.name)),
      accounts: new Set(all.map(({ credentials }) => keyOf(credentials))),
    };
  }
}

function keyOf(credentials: Credentials): string {
  const account = credentials['username'] ?? credentials['user'];
  return `${credentials.name} ${typeof account === 'string' ? account : ''}`;
}

function checked(node: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(node)) return node;
  throw new ServiceError(serviceErrors.malformed, `${JSON.stringify(node)} is not a node id`);
}
