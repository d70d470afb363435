import { restartDelay } from './backoff.ts';
import type { Fresh, TrustedDesired } from './freshness.ts';
import { holdsIndex } from './types.ts';
import type { ActualInstance, ActualView, Command, DesiredApp, Settings } from './types.ts';

/** What is remembered about one index of one app version. Times are monotonic ms. */
export interface Slot {
  /** Since when an instance is wanted here. */
  readonly expectedSince: number;
  /** Whether one was here at the last look. */
  readonly held: boolean;
  readonly crashes: number;
  /** Wall clock, seconds. */
  readonly lastCrash: number | undefined;
  /** When a start is due; undefined: after the start grace. */
  readonly due: number | undefined;
  readonly why: 'missing' | 'crashed' | 'evacuated';
  readonly sentAt: number | undefined;
  /** The instance that is or was here last. */
  readonly last: string | undefined;
}

/** Where an event happened. */
export type Place = Pick<ActualInstance, 'droplet' | 'version' | 'index'>;

/** An instance at its place. */
export type Placed = Place & Pick<ActualInstance, 'instance'>;

/** The health manager's memory between two passes: expectations, crashes and orders sent. */
export class Ledger {
  readonly #slots = new Map<string, Map<string, Slot>>();
  readonly #stops = new Map<string, number>(); // instance id → sent at
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  slot(place: Place): Slot | undefined {
    return this.#slots.get(place.droplet)?.get(key(place));
  }

  /** When a stop of the instance was sent last. */
  stopSentAt(instance: string): number | undefined {
    return this.#stops.get(instance);
  }

  /** Counts a crash; `wall` in seconds. An instance that ran `stableMs` starts the count anew. */
  crashed(place: Placed, ran: ActualInstance | undefined, now: number, wall: number): void {
    const slot = this.#open(place, now);
    const stable = ran?.runningSince !== undefined && now - ran.runningSince >= this.#settings.stableMs;
    const crashes = (stable ? 0 : slot.crashes) + 1;
    const due = now + restartDelay(crashes, this.#settings);
    const last = place.instance;
    this.#put(place, { ...slot, crashes, lastCrash: wall, due, why: 'crashed', sentAt: undefined, last });
  }

  /** The instance's DEA goes: a copy is due now. */
  evacuated(place: Placed, now: number): void {
    const last = place.instance;
    this.#put(place, { ...this.#open(place, now), due: now, why: 'evacuated', sentAt: undefined, last });
  }

  /** Somebody stopped the instance: whoever did has the word for a start grace. */
  stopped(place: Placed, now: number): void {
    this.#put(place, {
      ...this.#open(place, now),
      held: false,
      expectedSince: now,
      due: undefined,
      sentAt: undefined,
      last: place.instance,
    });
  }

  /** The DEA lists the instance no longer but told no exit: that may yet come, so the start waits one scan. */
  omitted(place: Placed, now: number): void {
    const slot = this.#open(place, now);
    if (slot.due !== undefined || !slot.held) return;
    const due = now + this.#settings.scanMs;
    this.#put(place, { ...slot, due, why: 'missing', sentAt: undefined, last: place.instance });
  }

  /** Brings the slots of one app in line with what is wanted and what is there; `wall` in seconds. */
  reconcile(app: DesiredApp, actual: ActualView, now: number, wall: number): void {
    const slots = this.#slots.get(app.id) ?? new Map<string, Slot>();
    const next = new Map<string, Slot>();
    const wanted = app.started && app.staged ? app.instances : 0;
    const heldBy = new Map<number, string>();
    for (const instance of actual.apps.get(app.id)?.values() ?? []) {
      if (instance.version === app.version && holdsIndex(instance))
        heldBy.set(instance.index, instance.instance);
    }
    for (let index = 0; index < wanted; index += 1) {
      const place = { droplet: app.id, version: app.version, index };
      const slot = slots.get(key(place)) ?? this.#firstSight(app, now, wall);
      const last = heldBy.get(index);
      if (last !== undefined)
        next.set(key(place), { ...slot, held: true, due: undefined, sentAt: undefined, last });
      else if (slot.held)
        next.set(key(place), {
          ...slot,
          held: false,
          due: slot.due ?? now,
          why: slot.due === undefined ? 'missing' : slot.why,
        });
      else next.set(key(place), slot);
    }
    if (next.size > 0) this.#slots.set(app.id, next);
    else this.#slots.delete(app.id);
  }

  /** Forgets apps that are not wanted, and stops of instances that are gone. */
  prune(desired: Fresh<TrustedDesired>, known: (instance: string) => boolean): void {
    for (const app of this.#slots.keys()) if (!desired.apps.has(app)) this.#slots.delete(app);
    for (const instance of this.#stops.keys()) if (!known(instance)) this.#stops.delete(instance);
  }

  /** Remembers that the order went out. */
  sent(command: Command, now: number): void {
    if (command.kind === 'stop') {
      this.#stops.set(command.instance, now);
      return;
    }
    const slot = this.slot(command);
    if (slot !== undefined) this.#put(command, { ...slot, sentAt: now });
  }

  /** Slots with crashes, of one app version, with their index. */
  crashes(droplet: string, version: string): { index: number; slot: Slot }[] {
    return [...(this.#slots.get(droplet) ?? [])].flatMap(([name, slot]) => {
      const [slotVersion, index] = JSON.parse(name) as [string, number];
      return slotVersion === version && slot.crashes > 0 ? [{ index, slot }] : [];
    });
  }

  /**
   * The start grace leaves the first word to the controller that changed the app. Where nobody changed it for that
   * long, as after a restart of everything, there is nobody to wait for.
   */
  #firstSight(app: DesiredApp, now: number, wall: number): Slot {
    const settled = app.updatedAt > 0 && (wall - app.updatedAt) * 1000 >= this.#settings.startGraceMs;
    return settled ? { ...empty(now), due: now } : empty(now);
  }

  #open(place: Place, now: number): Slot {
    return this.slot(place) ?? empty(now);
  }

  #put(place: Place, slot: Slot): void {
    let app = this.#slots.get(place.droplet);
    if (app === undefined) this.#slots.set(place.droplet, (app = new Map()));
    app.set(key(place), slot);
  }
}

function key(place: Place): string {
  return JSON.stringify([place.version, place.index]);
}

function empty(now: number): Slot {
  return {
    expectedSince: now,
    held: false,
    crashes: 0,
    lastCrash: undefined,
    due: undefined,
    why: 'missing',
    sentAt: undefined,
    last: undefined,
  };
}
