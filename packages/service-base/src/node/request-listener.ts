import {
  serviceBind,
  servicePurgeOrphan,
  serviceProvision,
  serviceRestore,
  serviceUnbind,
  serviceUnprovision,
} from '@vcap/bus';
import type { HandlerContext, NodeSubject, ServiceSimpleReply, Subscription, Trace } from '@vcap/bus';
import type { Member } from '@vcap/component';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { NodeContext } from './context.ts';
import type { Operations } from './operations.ts';
import { RecentRequests } from './recent-requests.ts';
import { failureOf } from './replies.ts';
import type { Backups } from './backups.ts';
import { limited } from './works.ts';

/** A node keeps this share of the time that its gateway waits. */
const shareOfGatewaysTime = 0.75;

/** Takes the gateways' requests from the bus and answers each, once per message however often that comes. */
export class RequestListener implements Member {
  readonly name = 'requests';
  readonly #context: NodeContext;
  readonly #operations: Operations;
  readonly #backups: Backups;
  readonly #recent: RecentRequests;
  readonly #subscriptions: Subscription[] = [];

  constructor(context: NodeContext, operations: Operations, backups: Backups) {
    this.#context = context;
    this.#operations = operations;
    this.#backups = backups;
    this.#recent = new RecentRequests(context.clock);
  }

  async start(): Promise<void> {
    const { config, node, bus } = this.#context;
    const operations = this.#operations;
    this.serve(serviceProvision, 'provision', async (message, trace) => {
      const plan = message.plan ?? config.plan;
      if (plan !== config.plan) throw new ServiceError(serviceErrors.unknownPlan, plan);
      const version = message.version ?? node.versions[0] ?? '';
      const given = message.credentials ?? undefined;
      const instance = await this.#limited('provision', message, (signal) =>
        operations.provision({ plan, version, given }, signal, trace),
      );
      return { success: true, credentials: { ...instance.credentials, node_id: config.node_id } };
    });
    this.serve(serviceBind, 'bind', async (message, trace) => {
      const given = message.credentials ?? undefined;
      const binding = await this.#limited('bind', message, (signal) =>
        operations.bind(message.name, message.bind_opts ?? {}, given, signal, trace),
      );
      return { success: true, credentials: binding.credentials };
    });
    this.serve(serviceUnprovision, 'unprovision', async (message, trace) => {
      await this.#limited('unprovision', message, () => operations.unprovision(message.name, trace));
      return { success: true };
    });
    this.serve(serviceUnbind, 'unbind', async (message, trace) => {
      await this.#limited('unbind', message, () => operations.unbind(message.credentials, trace));
      return { success: true };
    });
    this.serve(serviceRestore, 'restore', async (message, trace) => {
      await this.#backups.restore(message.instance_id, message.backup_path, trace);
      return { success: true };
    });
    const purge = servicePurgeOrphan.of(this.#context.serviceName, config.node_id);
    this.#subscriptions.push(
      bus.subscribe(purge, ({ orphan_ins_list, orphan_binding_list }, { trace }) =>
        operations.purge(orphan_ins_list, orphan_binding_list, trace),
      ),
    );
  }

  /** Answers requests on one of the node's subjects; a throw becomes a failure. */
  serve<T, R>(
    subject: NodeSubject<T, R>,
    what: string,
    answer: (message: T, trace: Trace) => Promise<R | ServiceSimpleReply>,
  ): void {
    const { serviceName, config, bus, log } = this.#context;
    const handler = async (message: T, { trace, reply }: HandlerContext): Promise<void> => {
      const result = await this.#recent.once(`${what} ${trace.traceId} ${trace.spanId}`, () =>
        answer(message, trace).catch((error: unknown) => failureOf(error, what, log, trace)),
      );
      reply?.(result);
    };
    this.#subscriptions.push(bus.subscribe(subject.of(serviceName, config.node_id), handler));
  }

  /** No new requests; what runs is finished and answered. */
  async drain(): Promise<void> {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    await this.#context.lanes.idle();
  }

  async stop(): Promise<void> {}

  #limited<T>(
    what: string,
    message: { time_limit_ms?: number | undefined },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, config } = this.#context;
    const own = config.op_time_limit * 1000;
    const asked = message.time_limit_ms === undefined ? own : message.time_limit_ms * shareOfGatewaysTime;
    return limited(clock, what, Math.floor(Math.min(own, asked)), work);
  }
}
