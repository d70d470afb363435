import { bulkCredentials } from '@vcap/bus';
import type { Bus, Subscription } from '@vcap/bus';
import type { Member } from '@vcap/component';

const PARTITION = 'default';

/** Tells the health manager, who asks over the bus, how to log in to the bulk API. */
export class BulkCredentialsResponder implements Member {
  readonly name = 'bulk-credentials';
  readonly #bus: Bus;
  readonly #credentials: { user: string; password: string };
  #subscription: Subscription | undefined;

  constructor(bus: Bus, credentials: { user: string; password: string }) {
    this.#bus = bus;
    this.#credentials = credentials;
  }

  async start(): Promise<void> {
    this.#subscription = this.#bus.subscribe(bulkCredentials.for(PARTITION), (_message, { reply }) => {
      reply?.(this.#credentials);
    });
  }

  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
  }
}
