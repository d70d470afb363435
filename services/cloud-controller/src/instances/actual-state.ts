import type { DropletExited, Heartbeat, HeartbeatEntry } from '@vcap/bus';
import type { Clock } from '@vcap/clock';

const DEA_LIFE_MS = 30_000;
/** DEAs beat every 10 s: after this long every living one was heard. */
const COMPLETE_AFTER_MS = 12_000;
/** How long an order counts as a starting instance until a beat shows it. */
const ORDER_LIFE_MS = 12_000;
/** An exit is told once; DEAs that keep the record go on telling it in their beats. */
const EXIT_LIFE_MS = 30_000;

/** One instance as its DEA last told it. */
export interface ActualInstance {
  readonly instance: string;
  readonly version: string;
  readonly index: number;
  readonly state: HeartbeatEntry['state'];
  /** Seconds since the epoch. */
  readonly since: number;
  /** Of a crashed one: why, where its DEA says. */
  readonly reason?: string | undefined;
  /** Its DEA is shutting down: it serves still, but does not hold its index. */
  readonly leaving: boolean;
  /** Milliseconds since the beat that told it. */
  readonly ageMs: number;
}
type Told = Omit<ActualInstance, 'ageMs' | 'leaving'>;
interface Dea {
  readonly heardAt: number;
  /** App to its instances by id. */
  readonly apps: Map<string, Map<string, Told>>;
}

/**
 * What runs, from the DEAs' own heartbeats: each is the complete list of one DEA and replaces the one before. So a
 * lost beat heals with the next, a doubled one changes nothing, and nobody has to be asked. Knows no bus.
 */
export class ActualState {
  readonly #clock: Clock;
  readonly #deas = new Map<string, Dea>();
  readonly #byApp = new Map<string, Set<string>>(); // app to the DEAs that tell of it
  readonly #leaving = new Map<string, number>();
  readonly #exits = new Map<string, Told & { droplet: string; at: number }>();
  readonly #orders = new Map<string, { at: number; since: number }>();
  #listeningSince: number | undefined;
  #lastBeat = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Beats are heard from now on; also after the bus came back, when some may have been missed. */
  listening(): void {
    this.#listeningSince = this.#clock.monotonic();
  }

  /** Whether this can be believed: we listened for more than one round of beats, and hear them still. */
  get warm(): boolean {
    const now = this.#clock.monotonic();
    return (
      this.#listeningSince !== undefined &&
      now - this.#listeningSince >= COMPLETE_AFTER_MS &&
      now - this.#lastBeat < DEA_LIFE_MS
    );
  }

  beat({ dea, droplets }: Heartbeat): void {
    const now = this.#clock.monotonic();
    this.#lastBeat = now;
    this.#forget(dea);
    const apps = new Map<string, Map<string, Told>>();
    for (const entry of droplets) {
      const { droplet, version, instance, index, state, state_timestamp: since } = entry;
      const instances = apps.get(droplet) ?? new Map<string, Told>();
      const told = { version, instance, index, state, since, reason: entry.exit_description };
      apps.set(droplet, instances.set(instance, told));
      this.#byApp.set(droplet, (this.#byApp.get(droplet) ?? new Set()).add(dea));
      this.#orders.delete(orderKey(droplet, version, index));
      this.#exits.delete(instance);
    }
    this.#deas.set(dea, { heardAt: now, apps });
    this.#sweep(now);
  }

  exited(exit: DropletExited): void {
    const { droplet, version, instance, index, reason, crash_timestamp } = exit;
    this.#orders.delete(orderKey(droplet, version, index));
    const since = crash_timestamp ?? this.#clock.now() / 1000;
    const crash: Told = {
      version,
      instance,
      index,
      state: 'CRASHED',
      since,
      reason: exit.exit_description ?? undefined,
    };
    const known = this.#instancesWith(droplet, instance);
    const before = known?.get(instance);
    if (reason === 'CRASHED' && known) known.set(instance, crash);
    else if (reason === 'CRASHED')
      this.#exits.set(instance, { ...crash, droplet, at: this.#clock.monotonic() });
    else if (reason === 'DEA_EVACUATION' && before) known?.set(instance, { ...before, state: 'EVACUATING' });
    else if (reason !== 'DEA_EVACUATION') known?.delete(instance);
  }

  /** `dea.shutdown`: forgotten; should it beat on while it empties itself, its instances count as leaving. */
  deaShutdown(dea: string): void {
    this.#forget(dea);
    this.#leaving.set(dea, this.#clock.monotonic());
  }

  /** `dea.start`: a DEA of that id is there to stay. */
  deaStart(dea: string): void {
    this.#leaving.delete(dea);
  }

  /** A start was sent: the index counts as STARTING until a beat or an exit says what became of it. */
  ordered(droplet: string, version: string, index: number): void {
    const at = this.#clock.monotonic();
    this.#orders.set(orderKey(droplet, version, index), { at, since: this.#clock.now() / 1000 });
  }

  /** A stop was sent: orders of these indices (all by default) are void. */
  stopOrdered(droplet: string, indices?: readonly number[]): void {
    for (const key of this.#orders.keys()) {
      const [app, index] = key.split(' ');
      if (app === droplet && (!indices || indices.includes(Number(index)))) this.#orders.delete(key);
    }
  }

  /** When the pending start of this index was ordered (seconds since the epoch). */
  orderedSince(droplet: string, version: string, index: number): number | undefined {
    const order = this.#orders.get(orderKey(droplet, version, index));
    if (!order || this.#clock.monotonic() - order.at > ORDER_LIFE_MS) return undefined;
    return order.since;
  }

  /** All instances of an app, of any version and state, crash records included. */
  of(droplet: string): ActualInstance[] {
    const now = this.#clock.monotonic();
    this.#sweep(now);
    const found: ActualInstance[] = [];
    for (const id of this.#byApp.get(droplet) ?? []) {
      const dea = this.#deas.get(id);
      for (const told of dea?.apps.get(droplet)?.values() ?? []) {
        found.push({ ...told, leaving: this.#leaving.has(id), ageMs: now - (dea?.heardAt ?? now) });
      }
    }
    for (const { droplet: app, at, ...told } of this.#exits.values()) {
      if (app === droplet) found.push({ ...told, leaving: false, ageMs: now - at });
    }
    return found;
  }

  #instancesWith(droplet: string, instance: string): Map<string, Told> | undefined {
    for (const id of this.#byApp.get(droplet) ?? []) {
      const instances = this.#deas.get(id)?.apps.get(droplet);
      if (instances?.has(instance)) return instances;
    }
    return undefined;
  }

  #forget(dea: string): void {
    for (const droplet of this.#deas.get(dea)?.apps.keys() ?? []) {
      const deas = this.#byApp.get(droplet);
      deas?.delete(dea);
      if (deas?.size === 0) this.#byApp.delete(droplet);
    }
    this.#deas.delete(dea);
  }

  #sweep(now: number): void {
    for (const [dea, { heardAt }] of this.#deas) if (now - heardAt > DEA_LIFE_MS) this.#forget(dea);
    for (const [dea, at] of this.#leaving) {
      if (!this.#deas.has(dea) && now - at > DEA_LIFE_MS) this.#leaving.delete(dea);
    }
    for (const [id, { at }] of this.#exits) if (now - at > EXIT_LIFE_MS) this.#exits.delete(id);
    for (const [key, { at }] of this.#orders) if (now - at > ORDER_LIFE_MS) this.#orders.delete(key);
  }
}

function orderKey(droplet: string, version: string, index: number): string {
  return `${droplet} ${index} ${version}`;
}
