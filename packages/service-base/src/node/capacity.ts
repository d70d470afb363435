import type { ServiceAnnouncement } from '@vcap/bus';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { NodeContext } from './context.ts';

/** Names in /varz. */
export const capacityFigures = [
  'available_capacity',
  'max_capacity',
  'used_capacity',
  'capacity_unit',
] as const;

/** Counts what the registry holds: nothing to keep in step, nothing lost in a crash. */
export class Capacity {
  readonly #context: NodeContext;
  #onChange: () => void = () => undefined;

  constructor(context: NodeContext) {
    this.#context = context;
  }

  /** `listener` is called after each instance that came or went. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  changed(): void {
    this.#onChange();
  }

  get left(): number {
    const { node, registry, config } = this.#context;
    return node.capacityLeft(config.capacity, registry.count(), node.capacityUnit);
  }

  /** Rejects when there is no room, for a gateway to ask another node. */
  take(): void {
    const { config, node } = this.#context;
    if (config.allow_over_provisioning || this.left >= node.capacityUnit) return;
    throw new ServiceError(serviceErrors.internal, `node ${config.node_id} is full`, {
      retryElsewhere: true,
    });
  }

  announcement(): ServiceAnnouncement {
    const { config, node } = this.#context;
    return {
      id: config.node_id,
      plan: config.plan,
      available_capacity: this.left,
      max_capacity: config.capacity,
      capacity_unit: node.capacityUnit,
      supported_versions: [...node.versions],
    };
  }

  varz(): Record<(typeof capacityFigures)[number], number> {
    const { config, node } = this.#context;
    const { left } = this;
    return {
      available_capacity: left,
      max_capacity: config.capacity,
      used_capacity: config.capacity - left,
      capacity_unit: node.capacityUnit,
    };
  }
}
