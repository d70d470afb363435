import { deaStop, deaUpdate, dropletUpdated, stagingStop } from '@vcap/bus';
import type { Bus, Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { AppRecord, AppStore, Instances, Offered } from '../ports.ts';
import { ActualState } from './actual-state.ts';
import { DeaListener } from './dea-listener.ts';
import { DeaPool } from './dea-pool.ts';
import { HealthRequests } from './health-requests.ts';
import { InstanceFiles } from './instance-files.ts';
import { InstanceQueries } from './instance-queries.ts';
import { InstanceLogs } from './instance-logs.ts';
import { LogSources } from './log-sources.ts';
import { Starter } from './starter.ts';
import { waitRunning } from './wait-running.ts';

/** What the part that talks to DEAs is made from. */
export interface InstancesOptions {
  bus: Bus;
  clock: Clock;
  log: Logger;
  store: AppStore;
  /** `http://ip:port` of this controller, where DEAs fetch droplets; asked late, since the port is known late. */
  baseUrl: () => string;
  /** Echoed by DEAs and told to the health manager; `default` when left out. */
  partition?: string;
  /** [0, 1); decides between DEAs that are equally good. */
  random?: () => number;
}

/** Everything about DEAs: placing, stopping and looking at instances, and obeying the health manager. */
export function createInstances(options: InstancesOptions): {
  instances: Instances;
  offered: Offered;
  deaPool: DeaPool;
  member: Member;
} {
  const { bus, clock, log, store: apps, baseUrl, partition = 'default' } = options;
  const deaPool = new DeaPool(clock, options.random);
  const actual = new ActualState(clock);
  const settings = () => ({ dropletBaseUrl: baseUrl(), partition });
  const starter = new Starter({ bus, clock, log, apps, pool: deaPool, actual, settings });
  const queries = new InstanceQueries({ bus, clock, actual });
  const files = new InstanceFiles({ bus, log, actual });
  const sources = new LogSources({ bus, actual });
  const logs = new InstanceLogs({ clock, log, sources });
  const listener = new DeaListener({ bus, pool: deaPool, actual });
  const health = new HealthRequests({ bus, log, apps, actual, starter }, clock);

  const instances: Instances = {
    start: (app, indices, trace) => starter.start(app, indices ?? allIndices(app), trace),
    shortage: (app) => starter.shortage(app),
    waitRunning: (app, index, timeoutMs) => waitRunning({ actual, clock }, app, index, timeoutMs),
    async stop(app, indices, trace) {
      if (indices?.length === 0) return;
      actual.stopOrdered(app.guid, indices);
      // Asked before the order goes: afterwards no DEA tells where their last lines are.
      sources.remember(app.guid, trace);
      const filter = indices && { version: app.version, indices };
      bus.publish(deaStop, { droplet: app.guid, ...filter }, trace);
      // A stopped or deleted app needs no droplet any more.
      const staging = app.packageState === 'PENDING' && app.stagingTaskId !== null;
      if (!indices && app.state === 'STOPPED' && staging)
        bus.publish(stagingStop, { app_id: app.guid }, trace);
      log.info({ event: 'stop-sent', app: app.guid, indices, trace_id: trace.traceId });
    },
    async updateUris(app, trace) {
      bus.publish(deaUpdate, { droplet: app.guid, uris: app.uris, version: app.version }, trace);
    },
    announceUpdated(app, trace) {
      bus.publish(dropletUpdated, { droplet: app.guid, cc_partition: partition }, trace);
    },
    list: (app, trace) => queries.list(app, trace),
    stats: (app, trace) => queries.stats(app, trace),
    crashes: (app, trace) => queries.crashes(app, trace),
    runningCounts: (list, trace) => queries.runningCounts(list, trace),
    logs: (app, query, signal, trace) => logs.read(app, query, signal, trace),
    openFile: (app, target, path, range, trace) => files.open(app, target, path, range, trace),
  };
  const member: Member = {
    name: 'instances',
    async start() {
      listener.start();
      health.start();
    },
    async stop() {
      health.stop();
      listener.stop();
    },
  };
  return {
    instances,
    offered: { runtimes: () => deaPool.runtimes(), isolation: () => deaPool.isolation() },
    deaPool,
    member,
  };
}

function allIndices(app: AppRecord): number[] {
  return Array.from({ length: app.instances }, (_, index) => index);
}
