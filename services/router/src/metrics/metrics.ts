import type { Clock } from '@vcap/clock';
import { Counter, Gauge } from 'prom-client';
import type { Registry as PromRegistry } from 'prom-client';
import { statusClasses } from '../plane/stats.ts';
import type { StatsReport } from '../plane/stats.ts';
import type { Registry } from '../registry/registry.ts';
import { AppHistograms } from './app-histograms.ts';
import { RateWindow } from './rate-window.ts';
import { byClass, TopApps, Traffic } from './traffic.ts';

/** Where the figures that are not counted here come from. */
export interface Gauges {
  readonly registry: Registry;
  readonly clock: Clock;
  /** What the planes counted since they were last asked. */
  readonly reports: () => readonly StatsReport[];
  /** Running requests, visitors' connections and so on, of all planes together. */
  readonly now: () => PlaneGauges;
  readonly registrations: () => { registers_received: number; unregisters_received: number; refused: number };
  readonly busConnected: () => boolean;
}

/** The planes' state of the moment. */
export interface PlaneGauges {
  readonly active: number;
  readonly clientConnections: number;
  readonly backendConnections: number;
  readonly accessLogDropped: number;
  readonly workers: number;
}

const mostComponents = 200;
const mostApps = 1000;
const notFound = ['unknown_route', 'empty_host', 'bad_request'];
const bad = ['endpoint_failure', 'endpoint_timeout'];

/** Every figure of the router: /varz under the predecessors' names (router.md 2.7), and Prometheus. */
export class Metrics {
  readonly #gauges: Gauges;
  readonly #total: Traffic;
  readonly #components = new Map<string, Traffic>();
  readonly #topApps: TopApps;
  readonly #perSecond: RateWindow;
  readonly #requests: Counter<'code'>;
  readonly #errors: Counter<'error'>;
  readonly #apps: AppHistograms;
  #badRequests = 0;
  #badGateways = 0;

  constructor(gauges: Gauges, prometheus: PromRegistry) {
    const { clock } = gauges;
    this.#gauges = gauges;
    this.#total = new Traffic(clock);
    this.#topApps = new TopApps(clock);
    this.#perSecond = new RateWindow(clock);
    const registers = [prometheus];
    const collect = (): void => this.collect();
    this.#requests = new Counter({
      name: 'router_requests_total',
      help: 'Finished requests by class of status',
      labelNames: ['code'],
      registers,
      collect,
    });
    this.#errors = new Counter({
      name: 'router_errors_total',
      help: "Answers of the router's own, by X-Cf-RouterError",
      labelNames: ['error'],
      registers,
    });
    this.#apps = new AppHistograms(mostApps, prometheus);
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
    gauge('router_active_requests', 'Running requests and tunnels', () => gauges.now().active);
    gauge('router_client_connections', "Visitors' connections", () => gauges.now().clientConnections);
    gauge(
      'router_backend_connections',
      'Connections to backends, idle ones included',
      () => gauges.now().backendConnections,
    );
    gauge('router_workers', 'Worker processes', () => gauges.now().workers);
    gauge('router_bus_connected', '1 while the bus is there', () => (gauges.busConnected() ? 1 : 0));
  }

  /** Takes in what the planes counted. */
  collect(): void {
    for (const report of this.#gauges.reports()) this.#add(report);
  }

  /** Shows the figures in /varz. */
  register(varz: { set(name: string, value: () => unknown): void }): void {
    const { registry, now, registrations } = this.#gauges;
    const set = (name: string, value: () => unknown): void =>
      varz.set(name, () => {
        this.collect();
        return value();
      });
    for (const name of Object.keys(this.#total.fields())) set(name, () => this.#total.fields()[name]);
    set('requests_per_sec', () => this.#perSecond.perSecond());
    set('bad_requests', () => this.#badRequests);
    set('bad_gateways', () => this.#badGateways);
    set('urls', () => registry.uriCount);
    set('droplets', () => registry.endpointCount);
    set('ms_since_last_registry_update', () => Math.round(registry.msSinceLastMessage ?? 0));
    set('top10_app_requests', () => this.#topApps.top(10));
    set('tags', () => ({
      component: Object.fromEntries([...this.#components].map(([name, each]) => [name, each.fields()])),
    }));
    set('client_connections', () => now().clientConnections);
    set('active_requests', () => now().active);
    set('app_connections', () => now().backendConnections);
    set('log_counts', () => ({ access_log_dropped: now().accessLogDropped }));
    set('registers_received', () => registrations().registers_received);
    set('unregisters_received', () => registrations().unregisters_received);
    set('registrations_refused', () => registrations().refused);
  }

  #add(report: StatsReport): void {
    this.#total.add(report.total);
    for (const [kind, count] of byClass(report.total).entries()) {
      if (count === 0) continue;
      this.#requests.inc({ code: statusClasses[kind] ?? 'xxx' }, count);
      this.#perSecond.mark(count);
    }
    for (const [error, count] of Object.entries(report.errors)) this.#errors.inc({ error }, count);
    const errors = (names: readonly string[]): number =>
      names.reduce((sum, each) => sum + (report.errors[each] ?? 0), 0);
    this.#badRequests += Math.max(errors(notFound), report.rejected);
    this.#badGateways += errors(bad);
    for (const { app, component, tally } of report.endpoints) {
      if (app !== undefined) {
        this.#topApps.mark(
          app,
          byClass(tally).reduce((sum, each) => sum + each, 0),
        );
        this.#apps.add(app, tally);
      }
      this.#component(component)?.add(tally);
    }
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
