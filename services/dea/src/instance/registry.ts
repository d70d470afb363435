import { holdsDisk, holdsMemory, isLive } from './states.ts';
import type { Instance } from './instance.ts';

/** Sole owner of the instances of this DEA, by handle. */
export class Registry {
  private readonly instances = new Map<string, Instance>();

  add(instance: Instance): void {
    this.instances.set(instance.handle, instance);
  }

  remove(instance: Instance): void {
    this.instances.delete(instance.handle);
  }

  all(): Instance[] {
    return [...this.instances.values()];
  }

  byId(id: string): Instance | undefined {
    return this.all().find((instance) => instance.id === id);
  }

  /** Whether the live instance on a port is this one. */
  holds(port: number, privateInstanceId: string): boolean {
    for (const each of this.instances.values())
      if (each.port === port && isLive(each.state)) return each.privateInstanceId === privateInstanceId;
    return false;
  }

  get reservedMemoryMb(): number {
    return this.sum((instance) => (holdsMemory(instance.state) ? instance.message.limits.mem : 0));
  }

  get reservedDiskMb(): number {
    return this.sum((instance) => (holdsDisk(instance.state) ? instance.message.limits.disk : 0));
  }

  /** Instances per application, crashed ones included. */
  countByApp(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { message } of this.instances.values())
      counts[message.droplet] = (counts[message.droplet] ?? 0) + 1;
    return counts;
  }

  private sum(value: (instance: Instance) => number): number {
    let total = 0;
    for (const instance of this.instances.values()) total += value(instance);
    return total;
  }
}
