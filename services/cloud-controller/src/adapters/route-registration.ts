import { routerGreet, routerRegister, routerStart, routerUnregister } from '@vcap/bus';
import type { Bus, RouterRegister, RouterStart, Subscription } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';

const DEFAULT_INTERVAL_SECONDS = 5;
const GREET_TIMEOUT_MS = 1000;

/** Keeps the API's own host name registered with the routers, as often as the most demanding of them asks. */
export class RouteRegistration implements Member {
  readonly name = 'route-registration';
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #route: () => Pick<RouterRegister, 'host' | 'port' | 'uris'>;
  #intervalSeconds = DEFAULT_INTERVAL_SECONDS;
  #timer: Timer | undefined;
  #subscription: Subscription | undefined;

  constructor(o: { bus: Bus; clock: Clock; route: () => Pick<RouterRegister, 'host' | 'port' | 'uris'> }) {
    this.#bus = o.bus;
    this.#clock = o.clock;
    this.#route = o.route;
  }

  async start(): Promise<void> {
    this.#subscription = this.#bus.subscribe(routerStart, (message) => this.#onRouter(message));
    this.#bus.onReconnect(() => {
      if (this.#timer) this.#register();
    });
    this.#register();
    this.#schedule();
    // Not waited for: a cloud without a router is started all the same.
    void this.#bus
      .request(routerGreet, {}, { timeoutMs: GREET_TIMEOUT_MS })
      .then((replies) => replies.forEach((reply) => this.#onRouter(reply)));
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#subscription?.unsubscribe();
    this.#bus.publish(routerUnregister, this.#message());
  }

  #onRouter(message: RouterStart): void {
    if (!this.#timer) return;
    const asked = message.minimumRegisterIntervalInSeconds ?? DEFAULT_INTERVAL_SECONDS;
    this.#intervalSeconds = Math.min(this.#intervalSeconds, asked);
    this.#register();
    this.#schedule();
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setInterval(() => this.#register(), this.#intervalSeconds * 1000);
  }

  #register(): void {
    this.#bus.publish(routerRegister, this.#message());
  }

  #message(): RouterRegister {
    return { ...this.#route(), tags: { component: 'CloudController' } };
  }
}
