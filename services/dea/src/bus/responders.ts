import { randomBytes } from 'node:crypto';
import {
  deaFindDroplet,
  deaInstanceStart,
  deaLocate,
  deaStatus,
  deaStop,
  deaUpdate,
  dropletStatus,
  healthmanagerStart,
  routerStart,
} from '@vcap/bus';
import type { Bus, Logger, RouterStart, StartMessage, Subscription, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { matches } from '../instance/filter.ts';
import type { InstanceManager } from '../instance/instance-manager.ts';
import type { Registry } from '../instance/registry.ts';
import { isRouted } from '../instance/states.ts';
import { refusal } from '../placement/admission.ts';
import { findReply, stats } from './messages.ts';
import type { DeaFacts } from './messages.ts';
import type { Reporter } from './reporter.ts';

/** What the answers are made from. */
export interface ResponderParts {
  bus: Bus;
  clock: Clock;
  log: Logger;
  facts: () => DeaFacts;
  registry: Registry;
  manager: InstanceManager;
  reporter: Reporter;
  /** A router asked for another interval between registrations. */
  routerStarted(message: RouterStart): void;
}

/** Subscribes to everything a DEA listens to. */
export function subscribeAll(parts: ResponderParts): Subscription[] {
  const { bus, clock, facts, manager, registry, reporter } = parts;
  return [
    bus.subscribe(deaInstanceStart.for(facts().id), (message, { trace }) => onStart(parts, message, trace)),
    bus.subscribe(deaStop, (filter, { trace }) => manager.stopMatching(filter, trace)),
    bus.subscribe(deaUpdate, (message, { trace }) => {
      manager.update(message, trace, (instance, added, removed) => {
        if (!isRouted(instance.state)) return;
        reporter.register(instance, added, trace);
        reporter.unregister(instance, removed, trace);
      });
      if (message.version != null) reporter.heartbeat(trace);
    }),
    bus.subscribe(deaFindDroplet, (filter, { reply }) => {
      for (const instance of registry.all())
        if (matches(filter, instance))
          reply?.(findReply(facts(), instance, filter.include_stats === true, clock.now()));
    }),
    bus.subscribe(deaStatus, (_message, { reply }) => reply?.(status(parts))),
    bus.subscribe(dropletStatus, (_message, { reply }) => {
      for (const instance of registry.all())
        if (isRouted(instance.state)) reply?.(stats(facts(), instance, clock.now()));
    }),
    bus.subscribe(deaLocate, (_message, { trace }) => reporter.advertise(trace)),
    bus.subscribe(healthmanagerStart, (_message, { trace }) => reporter.heartbeat(trace)),
    bus.subscribe(routerStart, (message, { trace }) => {
      parts.routerStarted(message);
      reporter.registerAll(trace);
    }),
  ];
}

/** Decides on the spot and reserves before anything is awaited; each start is answered one way or the other. */
function onStart(
  { clock, facts, log, manager, registry, reporter }: ResponderParts,
  message: StartMessage,
  trace: Trace,
): void {
  const double = manager.duplicateOf(message);
  if (double !== undefined) {
    const fields = { droplet: message.droplet, instance: double.id, trace_id: trace.traceId };
    log.warn({ event: 'duplicate-start-ignored', ...fields });
    return;
  }
  const { memoryMb, diskMb, runtimes } = facts();
  const why = refusal(message, {
    memoryMb,
    diskMb,
    reservedMemoryMb: registry.reservedMemoryMb,
    reservedDiskMb: registry.reservedDiskMb,
    runtimes: new Set(runtimes.map(({ name }) => name)),
    shuttingDown: reporter.leaving,
  });
  if (why === undefined) manager.start(message, trace);
  else reporter.refused({ message, trace, why }, randomBytes(16).toString('hex'), clock.now());
  reporter.advertise(trace);
}

function status({ facts, registry, reporter }: ResponderParts): Record<string, unknown> {
  const { id, ip, files, isolation, memoryMb } = facts();
  const used = registry.all().reduce((sum, { container }) => sum + (container?.info().memBytes ?? 0), 0);
  return {
    id,
    ip,
    port: files.port,
    version: '0.1.0',
    isolation,
    max_memory: memoryMb,
    reserved_memory: registry.reservedMemoryMb,
    used_memory: Math.round(used / 1024 / 1024),
    num_clients: registry.all().length,
    ...(reporter.leaving ? { state: 'SHUTTING_DOWN' } : {}),
  };
}
