import { healthmanagerHealth, healthmanagerStatus } from '@vcap/bus';
import type { Bus } from '@vcap/bus';
import { crashedInstances, flappingIndices, healthyIndices } from '../domain/queries.ts';
import type { Settings } from '../domain/types.ts';
import type { HealthManager } from '../health-manager.ts';

/** Answers the controllers' questions. What is not known is not answered: a wrong 0 is worse than none. */
export class QueryResponder {
  readonly name = 'queries';
  readonly counters = { healthmanager_status_msgs_received: 0, healthmanager_health_msgs_received: 0 };
  readonly #bus: Bus;
  readonly #manager: HealthManager;
  readonly #settings: Settings;

  constructor(bus: Bus, manager: HealthManager, settings: Settings) {
    this.#bus = bus;
    this.#manager = manager;
    this.#settings = settings;
  }

  async start(): Promise<void> {
    const { actual, ledger } = this.#manager;
    this.#bus.subscribe(healthmanagerStatus, ({ droplet, version, state }, { reply }) => {
      this.counters.healthmanager_status_msgs_received += 1;
      const app = this.#manager.desired?.apps.get(droplet);
      if (app === undefined) return;
      if (state === 'CRASHED') reply?.({ instances: crashedInstances(droplet, actual) });
      else reply?.({ indices: flappingIndices(app, version ?? app.version, ledger, this.#settings) });
    });
    this.#bus.subscribe(healthmanagerHealth, ({ droplets }, { reply }) => {
      this.counters.healthmanager_health_msgs_received += 1;
      const { fresh } = this.#manager.freshness().actual;
      for (const { droplet, version } of droplets) {
        const app = this.#manager.desired?.apps.get(droplet);
        if (app === undefined) continue;
        const healthy = healthyIndices(app, version, actual);
        if (fresh || healthy >= app.instances) reply?.({ droplet, version, healthy });
      }
    });
  }

  async stop(): Promise<void> {
    // the bus, which stops after this, ends the subscriptions
  }
}
