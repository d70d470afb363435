import { serviceAnnounce, serviceDiscover, serviceHandles, serviceUpdateHandle } from '@vcap/bus';
import type { Bus, Subscription } from '@vcap/bus';
import type { Member } from '@vcap/component';
import type { HandleCache } from './handle-cache.ts';
import type { NodeDirectory } from './node-directory.ts';
import type { Recovery } from './recovery.ts';

export interface GatewayListenerOptions {
  bus: Bus;
  serviceName: string;
  cache: HandleCache;
  recovery: Recovery;
  nodes: NodeDirectory;
}

/** Hears nodes and tools on the bus. */
export class GatewayListener implements Member {
  readonly name = 'bus-listener';
  readonly #options: GatewayListenerOptions;
  readonly #subscriptions: Subscription[] = [];

  constructor(options: GatewayListenerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bus, serviceName, cache, recovery, nodes } = this.#options;
    this.#subscriptions.push(
      bus.subscribe(serviceAnnounce.of(serviceName), (announcement) => nodes.heard(announcement)),
      bus.subscribe(serviceHandles.of(serviceName), (text, { reply }) => {
        const id = typeof text === 'string' ? text.replaceAll('"', '').trim() : '';
        reply?.(id === '' ? cache.all() : cache.bindingsOf(id));
      }),
      bus.subscribe(serviceUpdateHandle.of(serviceName), async (handle, { reply }) => {
        const stored = await recovery.update(handle).then(
          () => true,
          () => false,
        );
        reply?.(stored);
      }),
    );
    bus.onReconnect(() => this.#discover());
    this.#discover();
  }

  async stop(): Promise<void> {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
  }

  #discover(): void {
    const { bus, serviceName } = this.#options;
    if (this.#subscriptions.length > 0) bus.publish(serviceDiscover.of(serviceName), {});
  }
}
