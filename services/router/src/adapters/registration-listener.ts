import { routerRegister, routerUnregister } from '@vcap/bus';
import type { Bus, RouterRegister, Subscription } from '@vcap/bus';
import type { Member } from '@vcap/component';
import type { Registration } from '../registry/registration.ts';
import type { Registry } from '../registry/registry.ts';

/** Feeds the registry from `router.register` and `router.unregister`; refreshes it when the bus is back. */
export class RegistrationListener implements Member {
  readonly name = 'registration-listener';
  /** `refused`: with a host that is no name or address to connect to. */
  readonly counters = { registers_received: 0, unregisters_received: 0, refused: 0 };
  readonly #bus: Bus;
  readonly #registry: Registry;
  #subscriptions: Subscription[] = [];

  constructor(bus: Bus, registry: Registry) {
    this.#bus = bus;
    this.#registry = registry;
    bus.onReconnect(() => registry.refreshAll());
  }

  async start(): Promise<void> {
    this.#subscriptions = [
      this.#bus.subscribe(routerRegister, (message) => {
        this.counters.registers_received += 1;
        if (connectable.test(message.host)) this.#registry.register(registrationOf(message));
        else this.counters.refused += 1;
      }),
      this.#bus.subscribe(routerUnregister, (message) => {
        this.counters.unregisters_received += 1;
        this.#registry.unregister(registrationOf(message));
      }),
    ];
  }

  async stop(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }
}

const connectable = /^(?:[\w.-]{1,253}|[\da-f:.]{2,45})$/i;

/** The wire's message in the registry's words. */
export function registrationOf(message: RouterRegister): Registration {
  const { endpoint_updated_at_ns: updatedAt, identity_port: identityPort } = message as {
    endpoint_updated_at_ns?: unknown;
    identity_port?: unknown;
  };
  return {
    host: message.host,
    port: message.port,
    uris: message.uris,
    app: plain(message.app),
    privateInstanceId: plain(message.private_instance_id),
    index: plain(message.private_instance_index),
    component: message.tags['component'],
    updatedAt: typeof updatedAt === 'number' && updatedAt > 0 ? updatedAt : undefined,
    dea: plain(message.dea),
    identityPort: isPort(identityPort) ? identityPort : undefined,
  };
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;
}

const plainText = /^[\w.:@/+=-]{1,256}$/;

/** An id that is safe in a header and in a cookie, else nothing: one bad message must not break requests. */
function plain(id: string | null | undefined): string | undefined {
  return typeof id === 'string' && plainText.test(id) ? id : undefined;
}
