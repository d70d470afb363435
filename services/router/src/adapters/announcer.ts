import { routerGreet, routerStart } from '@vcap/bus';
import type { Bus, RouterStart, Subscription } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';

/** What the announcer needs. */
export interface AnnouncerOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly message: RouterStart;
  readonly intervalMs: number;
  /** Pause after the first message before the next member starts, so that routes are there before visitors. */
  readonly delayMs: number;
  /** When the bus is back it asks at a random time within this: the routes are there, and nothing is in a hurry. */
  readonly returnSpreadMs: number;
  readonly random: () => number;
  /** Whether there are routes already, out of a snapshot. */
  readonly knowsRoutes: () => boolean;
}

/**
 * Asks everybody to register: `router.start` at start, at a steady interval (v1 DEAs repeat themselves for nothing
 * else), when the bus is back, and as the answer to `router.greet`. Without a bus and without a single route there is
 * nothing to let visitors in for: then the next member's start waits for the bus.
 */
export class Announcer implements Member {
  readonly name = 'announcer';
  readonly #options: AnnouncerOptions;
  #timer: Timer | undefined;
  #return: Timer | undefined;
  #greet: Subscription | undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    options.bus.onReconnect(() => this.#announceSoon());
  }

  async start(): Promise<void> {
    const { bus, clock, message, intervalMs, delayMs, knowsRoutes } = this.#options;
    this.#greet = bus.subscribe(routerGreet, (_message, { reply }) => reply?.(message));
    if (!bus.connected && !knowsRoutes()) await new Promise<void>((resolve) => bus.onReconnect(resolve));
    const asked = bus.connected;
    this.#announce();
    this.#timer = clock.setInterval(() => this.#announce(), intervalMs);
    if (asked && delayMs > 0) await clock.sleep(delayMs);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#return?.cancel();
    this.#greet?.unsubscribe();
  }

  #announceSoon(): void {
    const { clock, random, returnSpreadMs } = this.#options;
    this.#return?.cancel();
    this.#return = clock.setTimeout(() => this.#announce(), random() * returnSpreadMs);
  }

  #announce(): void {
    this.#options.bus.publish(routerStart, this.#options.message);
  }
}
