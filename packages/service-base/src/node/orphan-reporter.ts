import { serviceCheckOrphan, serviceNodeHandles } from '@vcap/bus';
import type { ServiceNodeHandles, Subscription } from '@vcap/bus';
import type { Member } from '@vcap/component';
import type { NodeContext } from './context.ts';
import type { Credentials } from './types.ts';

const envelopeBytes = 200;

/**
 * Reports what exists here, by the registry and on the server itself, in messages below the size limit. Passwords stay
 * here. What is just being made or deleted is left out.
 */
export class OrphanReporter implements Member {
  readonly name = 'orphan-reporter';
  readonly #context: NodeContext;
  #subscription: Subscription | undefined;

  constructor(context: NodeContext) {
    this.#context = context;
  }

  async start(): Promise<void> {
    const { bus, serviceName } = this.#context;
    this.#subscription = bus.subscribe(serviceCheckOrphan.of(serviceName), async (_text, { trace }) => {
      for (const message of batches(
        await this.#report(),
        this.#context.config.max_nats_payload - envelopeBytes,
      )) {
        bus.publish(serviceNodeHandles.of(serviceName), message, trace);
      }
    });
  }

  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
  }

  async #report(): Promise<ServiceNodeHandles> {
    const { node, registry, lanes, config } = this.#context;
    const names = new Set(await node.listInstances());
    const accounts = new Map<string, Credentials>();
    for (const each of await node.listBindings()) accounts.set(this.#key(each), each);
    const own = new Set<string>();
    for (const row of registry.instanceRows()) {
      own.add(this.#key(row.credentials));
      names.add(row.name);
    }
    for (const row of registry.allBindingRows()) accounts.set(this.#key(row.credentials), row.credentials);
    return {
      node_id: config.node_id,
      instances_list: [...names].filter((name) => !lanes.busy(name)),
      bindings_list: [...accounts]
        .filter(([key, { name }]) => !own.has(key) && !lanes.busy(name))
        .map(([, credentials]) => withoutSecrets(credentials, node.accountOf(credentials))),
    };
  }

  #key(credentials: Credentials): string {
    return `${credentials.name} ${this.#context.node.accountOf(credentials)}`;
  }
}

function withoutSecrets({ name }: Credentials, account: string): Credentials {
  return { name, user: account, username: account };
}

/** Splits a report so that no message has more than `bytes`; an empty report is one message. */
export function batches(report: ServiceNodeHandles, bytes: number): ServiceNodeHandles[] {
  const { node_id } = report;
  const fresh = (): ServiceNodeHandles => ({ node_id, instances_list: [], bindings_list: [] });
  const messages = [fresh()];
  let used = 0;
  const room = (item: unknown): ServiceNodeHandles => {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (used > 0 && used + size > bytes) {
      messages.push(fresh());
      used = 0;
    }
    used += size;
    return messages.at(-1) as ServiceNodeHandles;
  };
  for (const name of report.instances_list) room(name).instances_list.push(name);
  for (const credentials of report.bindings_list) room(credentials).bindings_list.push(credentials);
  return messages;
}
