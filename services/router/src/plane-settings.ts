import type { Config } from './config.ts';
import type { PlaneSettings } from './plane/context.ts';

/** The configuration in the data plane's words. */
export function planeSettings(config: Config): PlaneSettings {
  const { timeouts, balance } = config;
  return {
    maxHeaderBytes: config.max_header_kb * 1024,
    stickyCookieNames: config.sticky_session_cookie_names,
    requestHeaderMs: timeouts.request_header_seconds * 1000,
    clientKeepAliveMs: timeouts.client_keep_alive_seconds * 1000,
    backendKeepAliveMs: timeouts.backend_keep_alive_seconds * 1000,
    connectMs: timeouts.connect_seconds * 1000,
    responseMs: timeouts.response_seconds * 1000,
    idleMs: timeouts.idle_seconds * 1000,
    halfClosedMs: timeouts.half_closed_seconds * 1000,
    retryBudgetMs: timeouts.retry_budget_seconds * 1000,
    backendLimit: config.backend_max_requests,
    balance: balance.policy,
    hashHeader: balance.hash_header.toLowerCase(),
    slowStartMs: balance.slow_start_seconds * 1000,
    traceKey: config.trace_key ?? '',
  };
}
