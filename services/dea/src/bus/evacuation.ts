import { deaHeartbeat, newTrace } from '@vcap/bus';
import type { Bus, Heartbeat, Logger, Subscription } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { Instance } from '../instance/instance.ts';
import type { InstanceManager } from '../instance/instance-manager.ts';
import type { Registry } from '../instance/registry.ts';
import { Refuge } from './refuge.ts';

/** What the evacuation works with. */
export interface EvacuationOptions {
  bus: Bus;
  clock: Clock;
  log: Logger;
  registry: Registry;
  manager: InstanceManager;
  /** Id of this DEA: its own beats prove no replacement. */
  deaId: () => string;
  /** Tells everybody that nothing may be placed here any more. */
  sayGoodbye: () => void;
  heartbeat: () => void;
  /** After this long the DEA leaves whatever still runs. */
  bailOutMs: number;
  /** After this long without any other DEA it does the same; without it, it waits for one. */
  aloneMs?: number;
  /** The last instance is gone: the process may end. */
  done: () => void;
}

/**
 * On USR2 the DEA empties itself without a gap: its instances turn EVACUATING and serve on, the health manager has
 * copies started elsewhere, and each one leaves when a beat of another DEA shows its copy RUNNING. A beat is proof
 * enough, as a DEA registers the routes of an instance before it tells that it runs.
 */
export class Evacuation implements Member {
  readonly name = 'evacuation';
  private readonly options: EvacuationOptions;
  private readonly onSignal = (): void => this.begin();
  private subscription: Subscription | undefined;
  private bailOut: Timer | undefined;
  private refuge: Refuge | undefined;
  private begun = false;
  private over = false;

  constructor(options: EvacuationOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    process.on('SIGUSR2', this.onSignal);
  }

  async stop(): Promise<void> {
    process.off('SIGUSR2', this.onSignal);
    this.over = true;
    this.subscription?.unsubscribe();
    this.bailOut?.cancel();
    this.refuge?.stop();
  }

  /** A second signal changes nothing. */
  begin(): void {
    if (this.begun) return;
    this.begun = true;
    const { aloneMs, bailOutMs, bus, clock, deaId, log, registry } = this.options;
    log.info({ event: 'evacuation-begun', instances: registry.all().length, bail_out_ms: bailOutMs });
    this.subscription = bus.subscribe(deaHeartbeat, (beat) => this.heard(beat));
    this.options.sayGoodbye();
    for (const instance of registry.all()) this.turn(instance);
    this.options.heartbeat();
    this.bailOut = clock.setTimeout(() => void this.giveUp('evacuation-timed-out'), bailOutMs);
    const none = (): void => void this.giveUp('evacuation-has-no-target');
    if (aloneMs !== undefined) this.refuge = new Refuge({ bus, clock, deaId, aloneMs, none });
    this.endWhenEmpty();
  }

  /** Call it after each change of an instance's state: what becomes RUNNING has to leave too. */
  follow(instance: Instance): void {
    if (!this.begun || this.over) return;
    if (this.turn(instance)) this.options.heartbeat();
    this.endWhenEmpty();
  }

  private turn(instance: Instance): boolean {
    if (instance.state !== 'RUNNING') return false;
    instance.setState('EVACUATING', this.options.clock.now());
    return true;
  }

  private heard({ dea, droplets }: Heartbeat): void {
    const { deaId, log, manager, registry } = this.options;
    if (dea === deaId()) return;
    const running = new Set(droplets.filter(({ state }) => state === 'RUNNING').map(placeOf));
    for (const instance of registry.all()) {
      const { droplet, index, version } = instance.message;
      if (instance.state !== 'EVACUATING' || !running.has(placeOf({ droplet, version, index }))) continue;
      const trace = newTrace();
      log.info({
        event: 'instance-replaced',
        instance: instance.id,
        droplet,
        index,
        dea,
        trace_id: trace.traceId,
      });
      void manager.stop(instance, trace, 'DEA_EVACUATION');
    }
  }

  private async giveUp(event: string): Promise<void> {
    const { log, manager, registry } = this.options;
    const left = registry.all().filter(({ state }) => state !== 'CRASHED');
    log.warn({ event, instances: left.map(({ id }) => id) });
    await manager.stopAll('DEA_EVACUATION');
  }

  private endWhenEmpty(): void {
    const { log, registry } = this.options;
    // A crashed instance's files go unread: they are no reason to stay.
    if (this.over || registry.all().some(({ state }) => state !== 'CRASHED' && state !== 'STOPPED')) return;
    this.over = true;
    log.info({ event: 'evacuation-done' });
    this.options.done();
  }
}

const placeOf = (place: { droplet: string; version: string; index: number }): string =>
  JSON.stringify([place.droplet, place.version, place.index]);
