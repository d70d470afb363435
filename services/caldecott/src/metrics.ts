import type { ComponentContext } from '@vcap/component';
import type { TunnelServer } from '@vcap/tunnel';
import { Gauge } from 'prom-client';
import type { SessionReporter } from './adapters/session-reporter.ts';
import type { Config } from './config.ts';
import type { HttpServer } from './http/http-server.ts';

/** Every name in /varz and /metrics. */
export function registerMetrics(
  { varz, metrics }: ComponentContext<Config>,
  { tunnels, reporter, server }: { tunnels: TunnelServer; reporter: SessionReporter; server: HttpServer },
): void {
  const figures: [name: string, help: string, value: () => number][] = [
    ['tunnels', 'Tunnels that are open', () => tunnels.registry.size],
    ['sessions', 'Sessions that have a tunnel', () => reporter.sessions],
    ['buffered_bytes', 'Bytes kept for all tunnels', () => tunnels.registry.buffered],
    ['refused_requests', 'Requests without a right ticket', () => tunnels.refused],
  ];
  varz.set('port', () => server.port);
  for (const [name, help, value] of figures) {
    varz.set(name, value);
    const gauge: Gauge = new Gauge({
      name: `caldecott_${name}`,
      help,
      registers: [],
      collect: () => gauge.set(value()),
    });
    metrics.registerMetric(gauge);
  }
}
