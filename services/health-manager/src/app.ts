import type { ComponentContext, Member } from '@vcap/component';
import { ActualStateListener } from './adapters/actual-state-listener.ts';
import { BulkClient } from './adapters/bulk-client.ts';
import { CommandSender } from './adapters/command-sender.ts';
import { DesiredStateSource } from './adapters/desired-state-source.ts';
import { QueryResponder } from './adapters/query-responder.ts';
import { settingsOf } from './config.ts';
import type { Config } from './config.ts';
import { HealthManager } from './health-manager.ts';
import { registerVarz } from './metrics.ts';

/** The ordered members: questions are answered and DEAs heard before the desired state is fetched. */
export function build({ config, log, clock, bus, varz }: ComponentContext<Config>): Member[] {
  const settings = settingsOf(config);
  const sender = new CommandSender(bus, log);
  const manager = new HealthManager({
    settings,
    clock,
    log,
    connected: () => bus.connected,
    send: (command) => sender.send(command),
  });
  const client = new BulkClient({
    url: config.bulk_api.url,
    batchSize: config.bulk_api.batch_size,
    timeoutMs: config.bulk_api.timeout_seconds * 1000,
    clock,
  });
  const source = new DesiredStateSource({
    bus,
    client,
    clock,
    log,
    partition: config.cc_partition,
    refreshMs: config.intervals.desired_refresh_seconds * 1000,
    retryMs: config.intervals.desired_retry_seconds * 1000,
    fetched: (view) => manager.desiredFetched(view),
  });
  const listener = new ActualStateListener(bus, manager);
  const responder = new QueryResponder(bus, manager, settings);
  registerVarz(varz, { manager, source, listener, sender, responder, settings });
  return [responder, listener, source];
}
