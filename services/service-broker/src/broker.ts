import { randomUUID } from 'node:crypto';
import type { Logger } from '@vcap/bus';
import { ControllerError, Lanes, ServiceError, serviceErrors } from '@vcap/service-base';
import type {
  BindRequest,
  ControllerClient,
  GatewayBackend,
  Handle,
  ProvisionRequest,
} from '@vcap/service-base';
import type { ServiceStore } from './adapters/service-store.ts';
import { offeringOf, servicesOf } from './domain/brokered-service.ts';
import type { BrokeredService, Registration } from './domain/brokered-service.ts';

export interface BrokerOptions {
  store: ServiceStore;
  client: ControllerClient;
  log: Logger;
  /** What the cloud controller is told; known once the server listens. */
  url: () => string;
}

/**
 * Offers what is registered with it and hands out its fixed credentials. Every binding of an option has the same ones;
 * nothing is made and nothing revoked, and applications talk to the address in them without the broker.
 */
export class Broker implements GatewayBackend {
  readonly #options: BrokerOptions;
  /** One after the other: an offer that is repeated must not come after the removal of what it offers. */
  readonly #turns = new Lanes(1);

  constructor(options: BrokerOptions) {
    this.#options = options;
  }

  /** Offers each option; kept only once the cloud controller took it. A repetition replaces. */
  register(registration: Registration): Promise<void> {
    return this.#turns.run('offers', () => this.#register(registration));
  }

  /** Takes all options of a label back, here last: a removal that failed can be repeated. */
  remove(label: string): Promise<void> {
    return this.#turns.run('offers', () => this.#remove(label));
  }

  /** Offers, or takes back for a while, what is still registered when its turn comes. */
  advertise(service: BrokeredService, active: boolean): Promise<void> {
    return this.#turns.run('offers', async () => {
      if (this.#options.store.get(service.label)) await this.#advertise(service, active);
    });
  }

  async #register(registration: Registration): Promise<void> {
    const { store, log } = this.#options;
    for (const service of servicesOf(registration)) {
      const other = store.get(service.label);
      if (other && other.registeredAs !== service.registeredAs) {
        throw new ServiceError(
          serviceErrors.malformed,
          `${service.label} is registered as ${other.registeredAs}`,
        );
      }
      await this.#told(() => this.#advertise(service, true));
      store.save(service);
      log.info({ event: 'service-registered', label: service.label });
    }
  }

  async #remove(label: string): Promise<void> {
    const { store, client, log } = this.#options;
    const services = store.registeredAs(label);
    if (services.length === 0) throw new ServiceError(serviceErrors.notFound, `offering ${label}`);
    for (const service of services) {
      await this.#told(async () => {
        await client.withdraw(service.label, service.provider).catch((error: unknown) => {
          // Gone there already.
          if (!(error instanceof ControllerError && error.status === 404)) throw error;
        });
      });
      store.remove(service.label);
      log.info({ event: 'service-removed', label: service.label });
    }
  }

  async #advertise(service: BrokeredService, active: boolean): Promise<void> {
    await this.#options.client.advertise(offeringOf(service, this.#options.url(), active));
  }

  async provision({ label, plan }: ProvisionRequest): Promise<Handle> {
    const service = label == null ? undefined : this.#options.store.get(label);
    if (!service) throw new ServiceError(serviceErrors.unknownLabel, label ?? '(none)');
    return {
      service_id: randomUUID(),
      configuration: { plan: plan ?? 'default' },
      credentials: service.credentials,
    };
  }

  async unprovision(): Promise<void> {}

  async bind({ label, binding_options }: BindRequest): Promise<Handle> {
    const service = this.#options.store.get(label);
    if (!service) throw new ServiceError(serviceErrors.unknownLabel, label);
    return {
      service_id: randomUUID(),
      configuration: { data: { binding_options } },
      credentials: service.credentials,
    };
  }

  async unbind(): Promise<void> {}

  /** What the cloud controller says no to is the asker's fault; its silence is 30600. */
  async #told(call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      if (!(error instanceof ControllerError)) throw error;
      const { status = 0 } = error;
      const spec = status >= 400 && status < 500 ? serviceErrors.malformed : serviceErrors.unavailable;
      throw new ServiceError(spec, error.message, { cause: error });
    }
  }
}
