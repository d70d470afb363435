import type { ActualInstance, ActualView, InstanceState } from './types.ts';

/** A heartbeat: the complete list of one DEA's instances (nats-messages §1.6). */
export interface BeatInput {
  readonly dea: string;
  readonly droplets: readonly {
    readonly droplet: string;
    readonly version: string;
    readonly instance: string;
    readonly index: number;
    readonly state: string;
    readonly state_timestamp: number;
  }[];
}

/** What a beat changed: instances of that DEA no longer listed, and ones newly told CRASHED. */
export interface BeatChanges {
  readonly omitted: ActualInstance[];
  readonly crashed: { readonly instance: ActualInstance; readonly before: ActualInstance | undefined }[];
}

/** The instances of all DEAs as last told. Times are monotonic ms. */
export class ActualState implements ActualView {
  readonly #apps = new Map<string, Map<string, ActualInstance>>();
  readonly #deas = new Map<string, Set<string>>(); // instance ids by DEA
  readonly #byId = new Map<string, ActualInstance>();
  readonly #leaving = new Set<string>();

  get apps(): ReadonlyMap<string, ReadonlyMap<string, ActualInstance>> {
    return this.#apps;
  }

  get(instance: string): ActualInstance | undefined {
    return this.#byId.get(instance);
  }

  /** Takes a DEA's complete list over. */
  beat(beat: BeatInput, now: number): BeatChanges {
    const changes: BeatChanges = { omitted: [], crashed: [] };
    const listed = new Set(beat.droplets.map((entry) => entry.instance));
    for (const id of this.#deas.get(beat.dea) ?? []) {
      const known = this.#byId.get(id);
      if (known === undefined || listed.has(id)) continue;
      this.#remove(known);
      changes.omitted.push(known);
    }
    for (const entry of beat.droplets) {
      const before = this.#byId.get(entry.instance);
      // An exit was told already: an older list that overtook it does not bring the instance back.
      const state = before?.state === 'CRASHED' ? before.state : entry.state;
      const instance: ActualInstance = {
        instance: entry.instance,
        droplet: entry.droplet,
        version: entry.version,
        index: entry.index,
        dea: beat.dea,
        state,
        stateTimestamp: entry.state_timestamp,
        lastBeat: now,
        firstSeen: before?.firstSeen ?? now,
        runningSince: before?.runningSince ?? (state === 'RUNNING' ? now : undefined),
        leaving: this.#leaving.has(beat.dea) || (before?.dea === beat.dea && before.leaving),
      };
      if (before !== undefined) this.#remove(before);
      this.#add(instance);
      if (state === 'CRASHED' && before?.state !== 'CRASHED') changes.crashed.push({ instance, before });
    }
    return changes;
  }

  /**
   * An instance ended or is about to: a crashed one stays on the list of crashes while its DEA tells it, one of a
   * leaving DEA may go on serving and beating. Gives it as it was.
   */
  exit(instance: string, how: 'crashed' | 'leaving' | 'stopped'): ActualInstance | undefined {
    const known = this.#byId.get(instance);
    if (known === undefined) return undefined;
    this.#remove(known);
    if (how === 'crashed') this.#add({ ...known, state: 'CRASHED' satisfies InstanceState });
    if (how === 'leaving') this.#add({ ...known, leaving: true });
    return known;
  }

  /** A DEA says that it goes: its instances hold their indices no longer. Gives those. */
  deaShutdown(dea: string): ActualInstance[] {
    this.#leaving.add(dea);
    const gone = [...(this.#deas.get(dea) ?? [])].flatMap((id) => this.#byId.get(id) ?? []);
    for (const instance of gone) {
      this.#remove(instance);
      this.#add({ ...instance, leaving: true });
    }
    return gone;
  }

  /** A DEA is (again) there to stay. */
  deaStart(dea: string): void {
    this.#leaving.delete(dea);
  }

  /** Forgets instances whose last beat is older than `lostMs`. Call it only while the view is fresh. */
  expire(now: number, lostMs: number): ActualInstance[] {
    const lost = [...this.#byId.values()].filter((instance) => now - instance.lastBeat > lostMs);
    for (const instance of lost) this.#remove(instance);
    for (const dea of this.#leaving) if (!this.#deas.has(dea)) this.#leaving.delete(dea);
    return lost;
  }

  #add(instance: ActualInstance): void {
    this.#byId.set(instance.instance, instance);
    let app = this.#apps.get(instance.droplet);
    if (app === undefined) this.#apps.set(instance.droplet, (app = new Map()));
    app.set(instance.instance, instance);
    let dea = this.#deas.get(instance.dea);
    if (dea === undefined) this.#deas.set(instance.dea, (dea = new Set()));
    dea.add(instance.instance);
  }

  #remove(instance: ActualInstance): void {
    this.#byId.delete(instance.instance);
    const app = this.#apps.get(instance.droplet);
    app?.delete(instance.instance);
    if (app?.size === 0) this.#apps.delete(instance.droplet);
    const dea = this.#deas.get(instance.dea);
    dea?.delete(instance.instance);
    if (dea?.size === 0) this.#deas.delete(instance.dea);
  }
}
