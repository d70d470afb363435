import { newTrace, serviceAnnounce, serviceDiscover } from '@vcap/bus';
import type { Subscription } from '@vcap/bus';
import type { Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { existsSync } from 'node:fs';
import type { Capacity } from './capacity.ts';
import type { NodeContext } from './context.ts';

/** After a change, for the answer to be on its way and others to have come to be told as well. Milliseconds. */
const soonMs = 10;

/** Tells the gateways of this node: at start, at intervals, when its room changed, after a reconnect, when they ask. */
export class Announcer implements Member {
  readonly name = 'announcer';
  readonly #context: NodeContext;
  readonly #capacity: Capacity;
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  #subscription: Subscription | undefined;

  constructor(context: NodeContext, capacity: Capacity) {
    this.#context = context;
    this.#capacity = capacity;
  }

  async start(): Promise<void> {
    const { bus, serviceName, clock, config } = this.#context;
    this.#subscription = bus.subscribe(serviceDiscover.of(serviceName), ({ plan }, { reply }) => {
      if (!this.#speaks() || (plan ?? config.plan) !== config.plan) return;
      if (reply) reply(this.#capacity.announcement());
      else this.announce();
    });
    bus.onReconnect(() => this.announce());
    this.#timer = clock.setInterval(() => this.announce(), config.z_interval * 1000);
    this.#capacity.onChange(() => {
      this.#soon ??= clock.setTimeout(() => {
        this.#soon = undefined;
        this.announce();
      }, soonMs);
    });
    this.announce();
  }

  announce(): void {
    const { bus, serviceName } = this.#context;
    if (this.#subscription && this.#speaks()) {
      bus.publish(serviceAnnounce.of(serviceName), this.#capacity.announcement(), newTrace());
    }
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#soon?.cancel();
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
  }

  #speaks(): boolean {
    const { node, config } = this.#context;
    return node.ready() && !(config.disabled_file !== undefined && existsSync(config.disabled_file));
  }
}
