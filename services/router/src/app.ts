import type { ComponentContext, Member } from '@vcap/component';
import { AccessLog } from './access-log.ts';
import { Announcer } from './adapters/announcer.ts';
import { RegistrationListener } from './adapters/registration-listener.ts';
import type { Config } from './config.ts';
import { Health, HealthServer } from './handlers/health.ts';
import { serve } from './handlers/proxy.ts';
import type { ProxyOptions } from './handlers/proxy.ts';
import { Upstream } from './handlers/upstream.ts';
import { Metrics } from './metrics/metrics.ts';
import { ProxyServer } from './proxy-server.ts';
import { Registry } from './registry/registry.ts';
import { createSweeper } from './registry/sweeper.ts';

/** The ordered members: routes are asked for before visitors are let in, and visitors leave first. */
export function build(context: ComponentContext<Config>): Member[] {
  const { config, log, clock, bus, identity, varz, metrics: prometheus } = context;
  const { timeouts, registry: aging } = config;
  const registry = new Registry({
    clock,
    pruneThresholdMs: aging.prune_threshold_seconds * 1000,
    emptyRouteRetentionMs: aging.empty_route_seconds * 1000,
    silenceMs: aging.silence_seconds * 1000,
  });
  const upstream = new Upstream(timeouts.backend_keep_alive_seconds * 1000);
  registry.onEndpointGone((endpoint) => upstream.forget(endpoint));
  const health = new Health();
  const accessLog = new AccessLog({ path: config.access_log, clock, log });
  const listener = new RegistrationListener(bus, registry);
  const proxyOptions: ProxyOptions = {
    clock,
    log,
    registry,
    upstream,
    maxHeaderBytes: config.max_header_kb * 1024,
    stickyCookieNames: new Set(config.sticky_session_cookie_names),
    connectMs: timeouts.connect_seconds * 1000,
    responseMs: timeouts.response_seconds * 1000,
    idleMs: timeouts.idle_seconds * 1000,
    retryBudgetMs: timeouts.retry_budget_seconds * 1000,
    backendLimit: config.backend_max_requests === 0 ? Infinity : config.backend_max_requests,
    draining: () => !health.up,
  };
  const server = new ProxyServer({
    clock,
    log,
    port: config.port,
    ip: config.ip,
    health,
    maxHeaderBytes: proxyOptions.maxHeaderBytes,
    requestHeaderMs: timeouts.request_header_seconds * 1000,
    keepAliveMs: timeouts.client_keep_alive_seconds * 1000,
    drainWaitMs: config.drain.wait_seconds * 1000,
    drainTimeoutMs: config.drain.timeout_seconds * 1000,
    serve: (exchange) => serve(proxyOptions, exchange),
    finished: (record, endpoint) => {
      accessLog.write(record);
      metrics.finished(record, endpoint);
    },
    rejected: (error) => metrics.rejected(error),
  });
  const metrics = new Metrics(
    {
      registry,
      clock,
      active: () => server.active,
      backendConnections: () => upstream.connections,
      logCounts: () => ({ access_log_dropped: accessLog.dropped }),
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
  const connections: Member = {
    name: 'backend-connections',
    start: async () => undefined,
    stop: async () => upstream.close(),
  };
  const own: Member[] = [accessLog, listener, sweeper, announcer, connections, server];
  if (config.health_port === undefined) return own;
  return [new HealthServer(health, config.health_port, config.ip), ...own];
}
