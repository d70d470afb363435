import { routerRegister, routerStart, routerUnregister } from '@vcap/bus';
import type { Bus, RouterRegister, Subscription } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';

const defaultSeconds = 20;

/** Keeps the broker's host name with the routers: at start, at intervals, and when a router asks. */
export class RouteRegistration implements Member {
  readonly name = 'route';
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #route: () => { host: string; port: number; uris: string[] };
  #timer: Timer | undefined;
  #subscription: Subscription | undefined;

  constructor(options: {
    bus: Bus;
    clock: Clock;
    route: () => { host: string; port: number; uris: string[] };
  }) {
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#route = options.route;
  }

  async start(): Promise<void> {
    const register = (): void => this.#bus.publish(routerRegister, this.#message());
    this.#subscription = this.#bus.subscribe(routerStart, ({ minimumRegisterIntervalInSeconds: asked }) => {
      register();
      this.#timer?.cancel();
      this.#timer = this.#clock.setInterval(
        register,
        Math.min(asked ?? defaultSeconds, defaultSeconds) * 1000,
      );
    });
    this.#bus.onReconnect(() => {
      if (this.#timer) register();
    });
    this.#timer = this.#clock.setInterval(register, defaultSeconds * 1000);
    register();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#subscription?.unsubscribe();
    this.#bus.publish(routerUnregister, this.#message());
  }

  #message(): RouterRegister {
    return { ...this.#route(), tags: { components: 'ServiceBroker', component: 'ServiceBroker' } };
  }
}
