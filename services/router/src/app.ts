import type { ComponentContext, Member } from '@vcap/component';
import { AccessLog } from './access-log.ts';
import { Announcer } from './adapters/announcer.ts';
import { IdentityProber } from './adapters/identity-prober.ts';
import { RegistrationListener } from './adapters/registration-listener.ts';
import type { Config } from './config.ts';
import { Health, HealthServer } from './health.ts';
import { Metrics } from './metrics/metrics.ts';
import { NginxPlane } from './nginx/nginx-plane.ts';
import { planeSettings } from './plane-settings.ts';
import { LocalPlane } from './plane/local-plane.ts';
import type { Serving, ServingOptions } from './plane/local-plane.ts';
import { WorkerPool } from './plane/worker/worker-pool.ts';
import { Registry } from './registry/registry.ts';
import { routeList } from './registry/route-list.ts';
import { Snapshot } from './registry/snapshot.ts';
import { createSweeper } from './registry/sweeper.ts';

/** For a DEA to say who holds its ports. */
const witnessTimeoutMs = 3000;

/** The ordered members: routes are asked for before visitors are let in, and visitors leave first. */
export function build(context: ComponentContext<Config>): Member[] {
  const { config, log, clock, bus, identity, varz, metrics: prometheus } = context;
  const { registry: aging } = config;
  const registry = new Registry({
    clock,
    pruneThresholdMs: aging.prune_threshold_seconds * 1000,
    emptyRouteRetentionMs: aging.empty_route_seconds * 1000,
    silenceMs: aging.silence_seconds * 1000,
    verifyMs: aging.verify_seconds * 1000,
  });
  const health = new Health();
  const accessLog = new AccessLog({ path: config.access_log, clock, log });
  const listener = new RegistrationListener(bus, registry);
  const servingOptions: ServingOptions = {
    clock,
    log,
    registry,
    health,
    accessLog,
    settings: planeSettings(config),
    transport: config.transport,
    address: identity.ip,
    ip: config.ip,
    port: config.port,
    reusePort: config.reuse_port,
    tls: config.tls === undefined ? undefined : { port: config.tls.port, directory: config.tls.certificates },
    proxyProtocol: config.proxy_protocol,
    drainWaitMs: config.drain.wait_seconds * 1000,
    drainTimeoutMs: config.drain.timeout_seconds * 1000,
  };
  const serving = createServing(config, servingOptions);
  const metrics = new Metrics(
    {
      registry,
      clock,
      reports: () => serving.reports(),
      now: () => serving.gauges(),
      registrations: () => listener.counters,
      busConnected: () => bus.connected,
    },
    prometheus,
  );
  metrics.register(varz);
  const announcer = new Announcer({
    bus,
    clock,
    intervalMs: config.start_interval_seconds * 1000,
    delayMs: config.start_delay_seconds * 1000,
    returnSpreadMs: config.return_spread_seconds * 1000,
    random: Math.random,
    knowsRoutes: () => registry.endpointCount > 0,
    message: {
      id: identity.uuid,
      hosts: [identity.ip],
      minimumRegisterIntervalInSeconds: config.register_interval_seconds,
      pruneThresholdInSeconds: aging.prune_threshold_seconds,
    },
  });
  const sweeper = createSweeper({
    clock,
    registry,
    log,
    intervalMs: aging.sweep_interval_seconds * 1000,
    busConnected: () => bus.connected,
  });
  const prober = new IdentityProber({
    clock,
    log,
    registry,
    vouchMs: aging.vouch_seconds * 1000,
    timeoutMs: witnessTimeoutMs,
  });
  varz.set('identity_probes', () => prober.counters);
  const snapshot =
    aging.snapshot === undefined
      ? []
      : [
          new Snapshot({
            clock,
            log,
            registry,
            path: aging.snapshot,
            intervalMs: aging.snapshot_interval_seconds * 1000,
            maxAgeMs: aging.snapshot_max_age_seconds * 1000,
          }),
        ];
  const own: Member[] = [
    ...(serving instanceof LocalPlane ? [accessLog] : []),
    ...snapshot,
    listener,
    sweeper,
    announcer,
    prober,
    serving,
  ];
  if (config.health_port === undefined) return own;
  const { user, password } = config.status;
  const healthServer = new HealthServer({
    health,
    log,
    port: config.health_port,
    ip: config.ip,
    credentials: user === undefined || password === undefined ? undefined : { user, password },
    routes: () => routeList(registry, clock.monotonic()),
  });
  return [healthServer, ...own];
}

/** The data plane that the configuration names. */
function createServing(config: Config, options: ServingOptions): Serving {
  const { dataplane, workers, nginx } = config;
  if (dataplane === 'nginx')
    return new NginxPlane({ ...options, nginx: { ...nginx, routesMb: nginx.routes_mb } });
  return workers === 0 ? new LocalPlane(options) : new WorkerPool({ ...options, count: workers });
}
