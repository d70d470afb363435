import type { ComponentContext } from '@vcap/component';
import type { ActualStateListener } from './adapters/actual-state-listener.ts';
import type { CommandSender } from './adapters/command-sender.ts';
import type { DesiredStateSource } from './adapters/desired-state-source.ts';
import type { QueryResponder } from './adapters/query-responder.ts';
import type { Config } from './config.ts';
import { summarise } from './domain/summary.ts';
import type { Summary } from './domain/summary.ts';
import type { Settings } from './domain/types.ts';
import type { HealthManager } from './health-manager.ts';

/** The parts whose figures are shown. */
export interface Measured {
  manager: HealthManager;
  source: DesiredStateSource;
  listener: ActualStateListener;
  sender: CommandSender;
  responder: QueryResponder;
  settings: Settings;
}

/** Every name the health manager has in /varz (nats-messages §2). */
export function registerVarz(varz: ComponentContext<Config>['varz'], parts: Measured): void {
  const { manager, source, listener, sender, responder, settings } = parts;
  const total = (pick: (summary: Summary) => number) => () =>
    pick(summarise(manager.desired, manager.actual, manager.ledger, settings));
  varz.set(
    'total_apps',
    total((summary) => summary.apps),
  );
  varz.set('total_users', () => source.users ?? 0);
  varz.set(
    'total_instances',
    total((summary) => summary.instances),
  );
  varz.set(
    'running_instances',
    total((summary) => summary.running),
  );
  varz.set(
    'crashed_instances',
    total((summary) => summary.crashed),
  );
  varz.set(
    'missing_instances',
    total((summary) => summary.missing),
  );
  varz.set(
    'down_instances',
    total((summary) => summary.missing),
  );
  varz.set(
    'flapping_instances',
    total((summary) => summary.flapping),
  );
  varz.set('queue_length', () => 0);
  varz.set('desired_state', () => {
    const { desired } = manager.freshness();
    if (!desired.fresh) return `not fresh: ${desired.why}`;
    return desired.view.absenceTrusted ? 'fresh' : 'not fresh: it leaves out too much of what runs';
  });
  varz.set('actual_state', () => {
    const { actual } = manager.freshness();
    return actual.fresh ? 'fresh' : `not fresh: ${actual.why}`;
  });
  varz.set('droplet_updated_msgs_received', () => source.counters.updates);
  varz.set('desired_fetches', () => source.counters.fetches);
  varz.set('desired_fetch_failures', () => source.counters.failures);
  for (const counters of [listener.counters, responder.counters, sender.counters] as Record<
    string,
    number
  >[]) {
    for (const name of Object.keys(counters)) varz.set(name, () => counters[name]);
  }
}
