import type { DeaAdvertise } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { choose, shortage } from './placement.ts';
import type { Candidate, Need } from './placement.ts';

const ADVERT_LIFE_MS = 10_000;
/** A start that no advert shows within this time is taken as lost or refused. */
const RESERVATION_LIFE_MS = 3000;
/** What may be a word of a subject: an advert of another id could never be ordered anything. */
const ORDERABLE_ID = /^[\w-]+$/;

interface Reservation {
  readonly appGuid: string;
  readonly memoryMb: number;
  readonly diskMb: number;
  readonly at: number;
}
interface Entry {
  readonly advert: DeaAdvertise;
  readonly heardAt: number;
  /** Starts sent to the DEA that its advert does not show yet, oldest first. */
  readonly reservations: readonly Reservation[];
}

/**
 * The DEAs that advertised within the last 10 s, and what was sent to them meanwhile. Knows no bus: the listener feeds
 * it. A lost advert costs nothing, a doubled one changes nothing; a DEA that says goodbye is out at once.
 */
export class DeaPool {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #deas = new Map<string, Entry>();
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** DEAs heard of within 10 s. */
  get size(): number {
    return this.#fresh().length;
  }

  /** Takes an advert over. Starts it does not show yet stay reserved, so that an older advert cannot free their room. */
  advertise(advert: DeaAdvertise): void {
    if (!ORDERABLE_ID.test(advert.id)) return;
    const before = this.#deas.get(advert.id);
    this.#deas.set(advert.id, {
      advert,
      heardAt: this.#clock.monotonic(),
      reservations: before ? this.#stillOpen(before, advert) : [],
    });
    for (const wake of this.#waiting) wake();
  }

  /** `dea.shutdown`: nothing is placed there any more. */
  remove(id: string): void {
    this.#deas.delete(id);
  }

  /** Picks a DEA for one instance and reserves its room; undefined when none fits. */
  place(need: Need): string | undefined {
    const chosen = choose(this.#candidates(need), need, this.#random);
    const entry = chosen && this.#deas.get(chosen.id);
    if (!entry) return undefined;
    const { appGuid, memoryMb, diskMb } = need;
    const reservation = { appGuid, memoryMb, diskMb, at: this.#clock.monotonic() };
    this.#deas.set(entry.advert.id, { ...entry, reservations: [...entry.reservations, reservation] });
    return entry.advert.id;
  }

  /** Why `place` would find none now; undefined when it would. Reserves nothing. */
  shortage(need: Need): string | undefined {
    return shortage(this.#candidates(need), need);
  }

  /** Like `place`, but tries again at each advert for `timeoutMs`. */
  async placeWithin(need: Need, timeoutMs: number): Promise<string | undefined> {
    const deadline = this.#clock.monotonic() + timeoutMs;
    for (;;) {
      const id = this.place(need);
      const left = deadline - this.#clock.monotonic();
      if (id !== undefined || left <= 0) return id;
      await this.#nextAdvert(left);
    }
  }

  /** Runtimes that any fresh DEA offers, by name, each once. */
  runtimes(): { name: string; version: string; description: string }[] {
    const byName = new Map<string, { name: string; version: string; description: string }>();
    for (const { advert } of this.#fresh()) {
      for (const { name, version, description } of advert.runtimes ?? []) {
        const known = byName.get(name);
        if (!known || (known.version === '' && version !== ''))
          byName.set(name, { name, version, description });
      }
    }
    return [...byName.values()].toSorted((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** The weakest of all fresh DEAs, as an app may come to any of them; undefined when none says. */
  isolation(): string | undefined {
    const kinds = this.#fresh().flatMap(({ advert }) => advert.isolation ?? []);
    return kinds.find((kind) => kind !== 'runc') ?? kinds[0];
  }

  #candidates(need: Need): Candidate[] {
    return this.#fresh().map((entry) => candidate(entry, need.appGuid));
  }

  #fresh(): Entry[] {
    const now = this.#clock.monotonic();
    for (const [id, { heardAt }] of this.#deas) if (now - heardAt > ADVERT_LIFE_MS) this.#deas.delete(id);
    return [...this.#deas.values()];
  }

  #stillOpen({ advert: old, reservations }: Entry, advert: DeaAdvertise): Reservation[] {
    if (!advert.app_id_to_count) return [];
    const now = this.#clock.monotonic();
    const arrived = new Map<string, number>();
    return reservations.filter(({ appGuid, at }) => {
      const shown =
        arrived.get(appGuid) ??
        (advert.app_id_to_count?.[appGuid] ?? 0) - (old.app_id_to_count?.[appGuid] ?? 0);
      arrived.set(appGuid, shown - 1);
      return shown <= 0 && now - at < RESERVATION_LIFE_MS;
    });
  }

  async #nextAdvert(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimeout(resolve, timeoutMs);
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
    timer.cancel();
  }
}

function candidate({ advert, reservations }: Entry, appGuid: string): Candidate {
  const sum = (figure: (each: Reservation) => number): number =>
    reservations.reduce((total, each) => total + figure(each), 0);
  return {
    id: advert.id,
    zone: advert.placement_properties?.zone ?? 'default',
    stacks: advert.stacks,
    runtimes: advert.runtimes?.map(({ name }) => name),
    availableMemoryMb: advert.available_memory - sum(({ memoryMb }) => memoryMb),
    availableDiskMb:
      advert.available_disk === undefined ? undefined : advert.available_disk - sum(({ diskMb }) => diskMb),
    instancesOfApp:
      (advert.app_id_to_count?.[appGuid] ?? 0) + sum((each) => (each.appGuid === appGuid ? 1 : 0)),
  };
}
