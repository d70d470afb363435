import { Gauge } from 'prom-client';
import type { ComponentContext } from '@vcap/component';
import type { DeaFacts } from './bus/messages.ts';
import type { DeaConfig } from './config.ts';
import type { Registry } from './instance/registry.ts';
import { isRouted } from './instance/states.ts';

/** Every name in /varz and /metrics of a DEA. */
export function registerFigures(
  { metrics, varz }: ComponentContext<DeaConfig>,
  facts: () => DeaFacts,
  registry: Registry,
  isolationReason: string | undefined,
): void {
  const running = (): number => registry.all().filter(({ state }) => isRouted(state)).length;
  const memoryRatio = (): number => 1 - registry.reservedMemoryMb / facts().memoryMb;
  const diskRatio = (): number => 1 - registry.reservedDiskMb / facts().diskMb;
  varz.set('stacks', () => ['linux']);
  varz.set('isolation', () => facts().isolation);
  varz.set('isolation_reason', () => isolationReason ?? null);
  varz.set('runtimes', () => facts().runtimes.map(({ name }) => name));
  varz.set('apps_max_memory', () => facts().memoryMb);
  varz.set('apps_reserved_memory', () => registry.reservedMemoryMb);
  varz.set('apps_used_memory', () => Math.round(usedBytes(registry) / 1024 / 1024));
  varz.set('num_apps', () => registry.all().length);
  varz.set('running_apps', running);
  varz.set('available_memory_ratio', memoryRatio);
  varz.set('available_disk_ratio', diskRatio);
  const gauges: [string, string, () => number][] = [
    ['dea_instances', 'Instances known, crashed ones included', () => registry.all().length],
    ['dea_instances_running', 'Instances that are routed', running],
    ['dea_available_memory_ratio', 'Share of memory not reserved', memoryRatio],
    ['dea_available_disk_ratio', 'Share of disk not reserved', diskRatio],
  ];
  for (const [name, help, value] of gauges) {
    const gauge: Gauge = new Gauge({ name, help, registers: [metrics], collect: () => gauge.set(value()) });
  }
}

function usedBytes(registry: Registry): number {
  return registry.all().reduce((sum, { container }) => sum + (container?.info().memBytes ?? 0), 0);
}
