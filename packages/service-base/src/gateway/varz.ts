import type { ComponentContext } from '@vcap/component';
import type { GatewayConfig } from './config.ts';
import type { HandleCache } from './handle-cache.ts';
import type { NodeDirectory } from './node-directory.ts';
import type { Orphans } from './orphans.ts';

const secret = /pass|secret|token|key|ur[il]|conn/i;

/** The gateway's names in /varz (services.md §5.7). */
export function registerVarz(
  varz: ComponentContext<unknown>['varz'],
  parts: {
    config: GatewayConfig;
    cache: HandleCache;
    nodes: NodeDirectory;
    orphans: Orphans;
    responses: Record<string, number>;
  },
): void {
  const { config, cache, nodes, orphans, responses } = parts;
  varz.set('nodes', () =>
    Object.fromEntries(
      nodes
        .all()
        .map(({ announcement, available, secondsAgo }) => [
          announcement.id,
          { ...announcement, available_capacity: available, seconds_ago: secondsAgo },
        ]),
    ),
  );
  varz.set('prov_svcs', () =>
    Object.fromEntries(
      cache
        .all()
        .map(({ service_id, configuration, credentials }) => [
          service_id,
          { configuration, credentials: masked(credentials) },
        ]),
    ),
  );
  varz.set('handles_loaded', () => cache.loaded);
  varz.set('orphan_instances', () => orphans.instances);
  varz.set('orphan_bindings', () => orphans.bindings);
  varz.set('responses_metrics', () => responses);
  varz.set('plans', () =>
    Object.keys(config.service.plans).map((plan) => {
      const management = config.plan_management.plans[plan];
      const own = nodes.all().filter(({ announcement }) => (announcement.plan ?? 'free') === plan);
      const available = sum(own.map((node) => node.available));
      const max = sum(own.map(({ announcement }) => announcement.max_capacity ?? 0));
      return {
        plan,
        score: nodes.planScore(plan),
        low_water: management?.low_water,
        high_water: management?.high_water,
        allow_over_provisioning: management?.allow_over_provisioning ? 1 : 0,
        available_capacity: available,
        max_capacity: max,
        used_capacity: max - available,
      };
    }),
  );
}

/** Secrets as eight stars, at any depth. */
function masked(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(masked);
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, secret.test(key) ? '********' : masked(each)]),
  );
}

function sum(figures: number[]): number {
  return figures.reduce((all, each) => all + each, 0);
}
