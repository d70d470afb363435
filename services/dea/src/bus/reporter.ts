import { deaAdvertise, deaHeartbeat, dropletExited, routerRegister, routerUnregister } from '@vcap/bus';
import type { Bus, DropletExited, Logger, StartMessage, Trace } from '@vcap/bus';
import type { Instance } from '../instance/instance.ts';
import type { Registry } from '../instance/registry.ts';
import { holdsMemory, isRouted } from '../instance/states.ts';
import type { InstanceState } from '../instance/states.ts';
import { advertisement, exitedMessage, heartbeat, registration } from './messages.ts';
import type { DeaFacts } from './messages.ts';

/** Tells the bus what happens here. */
export class Reporter {
  /** Set once the DEA listens for starts: before, nothing may be placed on it. */
  listening = false;
  /** Set once the DEA leaves or evacuates: nothing more may be placed on it. */
  leaving = false;
  private readonly bus: Bus;
  private readonly log: Logger;
  private readonly facts: () => DeaFacts;
  private readonly registry: Registry;

  constructor(bus: Bus, log: Logger, facts: () => DeaFacts, registry: Registry) {
    this.bus = bus;
    this.log = log;
    this.facts = facts;
    this.registry = registry;
  }

  /** Turns a change of state into what router, health manager and controllers must know of it. */
  stateChanged(instance: Instance, from: InstanceState): void {
    const { id, state, message, trace } = instance;
    this.log.info({
      event: 'instance-state',
      instance: id,
      droplet: message.droplet,
      index: message.index,
      from,
      to: state,
      trace_id: trace.traceId,
      ...(state === 'CRASHED' ? exitOf(instance) : {}),
    });
    if (isRouted(from) && !isRouted(state)) this.unregister(instance, message.uris, trace);
    if (state === 'RUNNING') this.register(instance, message.uris, trace);
    const reason = exitReason(instance, from);
    if (reason !== undefined) this.bus.publish(dropletExited, exitedMessage(instance, reason), trace);
    if (state === 'RUNNING' || state === 'CRASHED') this.heartbeat(trace);
    if (holdsMemory(from) !== holdsMemory(state)) this.advertise(trace);
  }

  /** `trace` here and below: of what caused it; none for what is said at intervals. */
  heartbeat(trace?: Trace): void {
    // A list that is not complete would make others think that the rest is gone.
    if (!this.listening) return;
    this.bus.publish(deaHeartbeat, heartbeat(this.facts(), this.registry), trace);
  }

  advertise(trace?: Trace): void {
    if (this.listening && !this.leaving)
      this.bus.publish(deaAdvertise, advertisement(this.facts(), this.registry), trace);
  }

  register(instance: Instance, uris: string[], trace?: Trace): void {
    if (uris.length > 0) this.bus.publish(routerRegister, registration(this.facts(), instance, uris), trace);
  }

  unregister(instance: Instance, uris: string[], trace?: Trace): void {
    if (uris.length > 0)
      this.bus.publish(routerUnregister, registration(this.facts(), instance, uris), trace);
  }

  registerAll(trace?: Trace): void {
    for (const instance of this.registry.all())
      if (isRouted(instance.state)) this.register(instance, instance.message.uris, trace);
  }

  /** Answers a start that cannot be: without an answer the controller would wait for the health manager. */
  refused(
    { message, trace, why }: { message: StartMessage; trace: Trace; why: string },
    instanceId: string,
    nowMs: number,
  ): void {
    const { droplet, index } = message;
    this.log.warn({ event: 'start-refused', droplet, index, why, trace_id: trace.traceId });
    const exited: DropletExited = {
      droplet,
      version: message.version,
      instance: instanceId,
      index,
      reason: 'CRASHED',
      crash_timestamp: Math.floor(nowMs / 1000),
      cc_partition: message.cc_partition,
      exit_status: -1,
      exit_description: why,
    };
    this.bus.publish(dropletExited, exited, trace);
  }
}

/** What `droplet.exited` says of this move, if anything. The copy of one that evacuates is asked for at once. */
function exitReason(
  { exitTold, state, stopReason }: Instance,
  from: InstanceState,
): DropletExited['reason'] | undefined {
  if (state === 'CRASHED') return exitTold ? undefined : 'CRASHED';
  if (state === 'EVACUATING') return 'DEA_EVACUATION';
  // Said when it became EVACUATING; said again, it would ask for another copy.
  if (state !== 'STOPPED' || from !== 'STOPPING' || stopReason === 'DEA_EVACUATION') return undefined;
  return stopReason;
}

const exitOf = ({ exit, exitDescription }: Instance): Record<string, unknown> => ({
  exit_status: exit?.exitStatus ?? -1,
  exit_description: exitDescription,
});
