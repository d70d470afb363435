import { routerGreet, routerRegister, routerStart, routerUnregister } from '@vcap/bus';
import type { Bus, RouterRegister, RouterStart, Subscription } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from './group.ts';

const DEFAULT_SECONDS = 5;
const GREET_MS = 1000;

/** What a component with a host name of its own tells the routers. */
export interface RouteRegistrationOptions {
  bus: Bus;
  clock: Clock;
  /** In the tags of the route: who registers it. */
  component: string;
  /** Asked at each registration: the port is known only once the server listens. */
  route: () => Pick<RouterRegister, 'host' | 'port' | 'uris' | 'private_instance_id'>;
}

/** Keeps a component's own host name registered with the routers, as often as the most demanding of them asks. */
export class RouteRegistration implements Member {
  readonly name = 'route-registration';
  readonly #options: RouteRegistrationOptions;
  #seconds = DEFAULT_SECONDS;
  #timer: Timer | undefined;
  #subscription: Subscription | undefined;

  constructor(options: RouteRegistrationOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bus } = this.#options;
    this.#subscription = bus.subscribe(routerStart, (message) => this.#onRouter(message));
    bus.onReconnect(() => this.#timer && this.#register());
    this.#repeat();
    // Not waited for: a cloud without a router is started all the same.
    void bus
      .request(routerGreet, {}, { timeoutMs: GREET_MS })
      .then((replies) => replies.forEach((reply) => this.#onRouter(reply)));
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#subscription?.unsubscribe();
    this.#options.bus.publish(routerUnregister, this.#message());
  }

  #onRouter({ minimumRegisterIntervalInSeconds: asked = DEFAULT_SECONDS }: RouterStart): void {
    if (this.#timer === undefined) return;
    this.#seconds = Math.min(this.#seconds, asked);
    this.#repeat();
  }

  #repeat(): void {
    this.#register();
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setInterval(() => this.#register(), this.#seconds * 1000);
  }

  #register(): void {
    this.#options.bus.publish(routerRegister, this.#message());
  }

  #message(): RouterRegister {
    const { component, route } = this.#options;
    return { ...route(), tags: { component } };
  }
}
