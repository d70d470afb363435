import type { Clock } from '@vcap/clock';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry as PromRegistry } from 'prom-client';
import type { AccessRecord } from '../access-log.ts';
import type { RouterError } from '../handlers/errors.ts';
import type { Endpoint } from '../registry/endpoint.ts';
import type { Registry } from '../registry/registry.ts';
import { RateWindow } from './rate-window.ts';
import { statusClass, TopApps, Traffic } from './traffic.ts';

/** Where the figures that are not counted here come from. */
export interface Gauges {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly active: () => number;
  readonly backendConnections: () => number;
  readonly logCounts: () => Record<string, number>;
  readonly registrations: () => { registers_received: number; unregisters_received: number; refused: number };
  readonly busConnected: () => boolean;
}

const mostComponents = 200;
const notFound = new Set<string | undefined>(['unknown_route', 'empty_host', 'bad_request']);
const bad = new Set<string | undefined>(['endpoint_failure', 'endpoint_timeout']);

/** Every figure of the router: /varz under the predecessors' names (router.md 2.7), and Prometheus. */
export class Metrics {
  readonly #gauges: Gauges;
  readonly #total: Traffic;
  readonly #components = new Map<string, Traffic>();
  readonly #topApps: TopApps;
  readonly #perSecond: RateWindow;
  readonly #requests: Counter<'code'>;
  readonly #errors: Counter<'error'>;
  readonly #seconds: Histogram;
  #badRequests = 0;
  #badGateways = 0;

  constructor(gauges: Gauges, prometheus: PromRegistry) {
    const { clock } = gauges;
    this.#gauges = gauges;
    this.#total = new Traffic(clock);
    this.#topApps = new TopApps(clock);
    this.#perSecond = new RateWindow(clock);
    const registers = [prometheus];
    this.#requests = new Counter({
      name: 'router_requests_total',
      help: 'Finished requests by class of status',
      labelNames: ['code'],
      registers,
    });
    this.#errors = new Counter({
      name: 'router_errors_total',
      help: "Answers of the router's own, by X-Cf-RouterError",
      labelNames: ['error'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'router_request_seconds',
      help: 'From the request to the end of its answer; for a tunnel to its opening',
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    });
    const gauge = (name: string, help: string, value: () => number): void => {
      void new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    };
    gauge('router_routes', 'Hosts with a backend', () => gauges.registry.uriCount);
    gauge('router_backends', 'Backend addresses', () => gauges.registry.endpointCount);
    gauge('router_active_requests', 'Running requests and tunnels', gauges.active);
    gauge(
      'router_backend_connections',
      'Connections to backends, idle ones included',
      gauges.backendConnections,
    );
    gauge('router_bus_connected', '1 while the bus is there', () => (gauges.busConnected() ? 1 : 0));
  }

  /** Counts a finished exchange. */
  finished(record: AccessRecord, endpoint: Endpoint | undefined): void {
    this.#requests.inc({ code: statusClass(record.status) });
    this.#seconds.observe(record.responseTimeMs / 1000);
    this.#perSecond.mark();
    this.#total.add(record.status, record.responseTimeMs);
    if (record.routerError !== undefined) this.#errors.inc({ error: record.routerError });
    if (notFound.has(record.routerError)) this.#badRequests += 1;
    if (bad.has(record.routerError)) this.#badGateways += 1;
    if (endpoint === undefined) return;
    if (endpoint.app !== undefined) this.#topApps.mark(endpoint.app);
    this.#component(endpoint.tags['component'])?.add(record.status, record.responseTimeMs);
  }

  /** Counts a connection that was refused before there was a request. */
  rejected(error: RouterError): void {
    this.#errors.inc({ error: error.code });
    this.#badRequests += 1;
  }

  /** Shows the figures in /varz. */
  register(varz: { set(name: string, value: () => unknown): void }): void {
    const { registry, active, backendConnections, logCounts, registrations } = this.#gauges;
    for (const name of Object.keys(this.#total.fields())) varz.set(name, () => this.#total.fields()[name]);
    varz.set('requests_per_sec', () => this.#perSecond.perSecond());
    varz.set('bad_requests', () => this.#badRequests);
    varz.set('bad_gateways', () => this.#badGateways);
    varz.set('urls', () => registry.uriCount);
    varz.set('droplets', () => registry.endpointCount);
    varz.set('ms_since_last_registry_update', () => Math.round(registry.msSinceLastMessage ?? 0));
    varz.set('top10_app_requests', () => this.#topApps.top(10));
    varz.set('tags', () => ({
      component: Object.fromEntries([...this.#components].map(([name, each]) => [name, each.fields()])),
    }));
    varz.set('client_connections', active);
    varz.set('app_connections', backendConnections);
    varz.set('log_counts', logCounts);
    varz.set('registers_received', () => registrations().registers_received);
    varz.set('unregisters_received', () => registrations().unregisters_received);
    varz.set('registrations_refused', () => registrations().refused);
  }

  #component(name: string | undefined): Traffic | undefined {
    if (name === undefined) return undefined;
    let traffic = this.#components.get(name);
    if (traffic === undefined && this.#components.size < mostComponents) {
      this.#components.set(name, (traffic = new Traffic(this.#gauges.clock)));
    }
    return traffic;
  }
}
