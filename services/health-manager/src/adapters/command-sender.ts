import { healthStart, healthStop, newTrace } from '@vcap/bus';
import type { Bus, Logger } from '@vcap/bus';
import type { Command } from '../domain/types.ts';

/** Publishes orders to the cloud controllers, one instance per message (nats-messages §1.7). */
export class CommandSender {
  readonly counters = { health_start_messages_sent: 0, health_stop_messages_sent: 0 };
  readonly #bus: Bus;
  readonly #log: Logger;

  constructor(bus: Bus, log: Logger) {
    this.#bus = bus;
    this.#log = log;
  }

  send(command: Command): void {
    const trace = newTrace();
    const { droplet, version, lastUpdated, running, index, why } = command;
    const common = { droplet, version, last_updated: lastUpdated, running: { ...running } };
    if (command.kind === 'start') {
      this.counters.health_start_messages_sent += 1;
      const { flapping, after } = command;
      const start = { indices: [index], flapping, ...(after !== undefined && { after }) };
      this.#bus.publish(healthStart, { ...common, ...start }, trace);
      this.#log.info({ event: 'start-ordered', droplet, version, index, why, traceId: trace.traceId });
      return;
    }
    const { instance, instanceVersion } = command;
    this.counters.health_stop_messages_sent += 1;
    const stop = {
      instances: { [instance]: instanceVersion },
      instance_index: index,
      is_duplicate: why === 'duplicate',
    };
    this.#bus.publish(healthStop, { ...common, ...stop }, trace);
    this.#log.info({ event: 'stop-ordered', droplet, version, index, instance, why, traceId: trace.traceId });
  }
}
