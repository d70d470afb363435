import { deaHeartbeat, deaShutdown, deaStart, dropletExited, healthmanagerStart } from '@vcap/bus';
import type { Bus } from '@vcap/bus';
import type { HealthManager } from '../health-manager.ts';

/** Feeds what the DEAs say into the health manager, and asks them for a heartbeat at start and after a reconnect. */
export class ActualStateListener {
  readonly name = 'actual-state';
  /** Messages received, under the names /varz has. */
  readonly counters = {
    heartbeat_msgs_received: 0,
    droplet_exited_msgs_received: 0,
    dea_shutdown_msgs_received: 0,
  };
  readonly #bus: Bus;
  readonly #manager: HealthManager;

  constructor(bus: Bus, manager: HealthManager) {
    this.#bus = bus;
    this.#manager = manager;
  }

  async start(): Promise<void> {
    const manager = this.#manager;
    this.#bus.subscribe(deaHeartbeat, (beat) => {
      this.counters.heartbeat_msgs_received += 1;
      manager.heartbeat(beat);
    });
    this.#bus.subscribe(dropletExited, (exit) => {
      this.counters.droplet_exited_msgs_received += 1;
      manager.exited(exit);
    });
    this.#bus.subscribe(deaShutdown, ({ id }) => {
      this.counters.dea_shutdown_msgs_received += 1;
      manager.deaShutdown(id);
    });
    this.#bus.subscribe(deaStart, ({ id }) => manager.deaStart(id));
    this.#bus.onReconnect(() => {
      manager.connectionRestored();
      this.#bus.publish(healthmanagerStart, {});
    });
    manager.start();
    this.#bus.publish(healthmanagerStart, {});
  }

  async stop(): Promise<void> {
    this.#manager.stop();
  }
}
