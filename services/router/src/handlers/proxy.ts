import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { pick } from '../balance/pick.ts';
import type { Endpoint } from '../registry/endpoint.ts';
import type { Registry } from '../registry/registry.ts';
import type { Failure } from './attempt.ts';
import { Forward } from './forward.ts';
import { routerErrors } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { requestedInstance } from './sticky.ts';
import { targetOf } from './target.ts';
import type { Upstream } from './upstream.ts';

/** The proxy's times, all in milliseconds. */
export interface ProxyTimes {
  readonly connectMs: number;
  readonly responseMs: number;
  readonly idleMs: number;
  readonly retryBudgetMs: number;
}

/** What serving a request takes. */
export interface ProxyOptions extends ProxyTimes {
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  readonly upstream: Upstream;
  readonly maxHeaderBytes: number;
  readonly stickyCookieNames: ReadonlySet<string>;
  /** Most running requests on one backend; `Infinity`: any number. */
  readonly backendLimit: number;
  /** Whether the router is on its way out: answers then ask clients to close. */
  readonly draining: () => boolean;
}

/** Finds the route of a request and tries its backends one after another until one answers. */
export function serve(options: ProxyOptions, exchange: Exchange): void {
  const { clock, registry, log, backendLimit } = options;
  const target = targetOf(exchange.request);
  if (!('key' in target)) return exchange.fail(target);
  const found = registry.lookup(target.key);
  if (found.kind === 'unknown') {
    const text = `Requested route ('${printable(target.host)}') does not exist.`;
    return exchange.fail(routerErrors.unknownRoute, text);
  }
  if (found.kind === 'empty') return exchange.fail(routerErrors.noEndpoints);

  const sticky = requestedInstance(exchange.request);
  const tried = new Set<Endpoint>();
  const forward = new Forward(options, exchange, target);
  let timedOut = false;
  const tryNext = (): void => {
    const spent = clock.monotonic() - exchange.startedMonotonic;
    const endpoint =
      tried.size > 0 && spent > options.retryBudgetMs
        ? undefined
        : pick(found.route, tried, sticky, backendLimit);
    if (endpoint === undefined) {
      if (tried.size === 0) {
        const full = found.route.members.some((member) => member.endpoint.health !== 'down');
        return exchange.fail(full ? routerErrors.overloaded : routerErrors.noEndpoints);
      }
      return exchange.fail(timedOut ? routerErrors.endpointTimeout : routerErrors.endpointFailure);
    }
    tried.add(endpoint);
    forward.to(endpoint, (failure, next) => {
      setAside(endpoint, failure);
      timedOut = failure.kind === 'unreachable' && failure.timedOut;
      const { address, app } = endpoint;
      log.warn({ event: 'backend-failed', address, app, kind: failure.kind, why: failure.error.message });
      if (next === 'other') tryNext();
      else exchange.fail(routerErrors.endpointFailure);
    });
  };
  exchange.response.once('close', () => forward.abandon());
  tryNext();
}

/** Takes a dead backend out of rotation; its next registration brings it back. */
function setAside(endpoint: Endpoint, failure: Failure): void {
  if (failure.kind === 'unreachable' && !failure.local) endpoint.health = 'down';
  if (failure.kind === 'reset' && endpoint.health === 'up') endpoint.health = 'suspect';
}

function printable(host: string): string {
  return host.replace(/[^\w.:*[\]-]/g, '?').slice(0, 255);
}
