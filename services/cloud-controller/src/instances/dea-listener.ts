import { deaAdvertise, deaHeartbeat, deaLocate, deaShutdown, deaStart, dropletExited } from '@vcap/bus';
import type { Bus, Subscription } from '@vcap/bus';
import type { ActualState } from './actual-state.ts';
import type { DeaPool } from './dea-pool.ts';

/** Feeds what DEAs say into the pool and the actual state. */
export class DeaListener {
  readonly #bus: Bus;
  readonly #pool: DeaPool;
  readonly #actual: ActualState;
  #subscriptions: Subscription[] = [];

  constructor(o: { bus: Bus; pool: DeaPool; actual: ActualState }) {
    this.#bus = o.bus;
    this.#pool = o.pool;
    this.#actual = o.actual;
    // What was missed while the bus was away is told again within one round of beats.
    this.#bus.onReconnect(() => this.#ask());
  }

  start(): void {
    const bus = this.#bus;
    this.#subscriptions = [
      bus.subscribe(deaAdvertise, (advert) => {
        this.#pool.advertise(advert);
        this.#actual.deaStart(advert.id);
      }),
      bus.subscribe(deaStart, ({ id }) => this.#actual.deaStart(id)),
      bus.subscribe(deaShutdown, ({ id }) => {
        this.#pool.remove(id);
        this.#actual.deaShutdown(id);
      }),
      bus.subscribe(deaHeartbeat, (beat) => this.#actual.beat(beat)),
      bus.subscribe(dropletExited, (exit) => this.#actual.exited(exit)),
    ];
    this.#ask();
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions = [];
  }

  #ask(): void {
    if (this.#subscriptions.length === 0) return;
    this.#actual.listening();
    this.#bus.publish(deaLocate, {});
  }
}
