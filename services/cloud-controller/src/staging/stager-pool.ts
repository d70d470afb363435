import type { StagingAdvertise } from '@vcap/bus';
import type { Clock } from '@vcap/clock';

const advertLifeMs = 10_000;

/** Stagers by their adverts. The least lately used of those with room is chosen, so that work spreads. */
export class StagerPool {
  readonly #clock: Clock;
  readonly #stagers = new Map<string, { advert: StagingAdvertise; at: number; usedAt: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  advertise(advert: StagingAdvertise): void {
    const usedAt = this.#stagers.get(advert.id)?.usedAt ?? -1;
    this.#stagers.set(advert.id, { advert, at: this.#clock.monotonic(), usedAt });
  }

  /** Milliseconds since the stager was last heard; Infinity when never. */
  silentForMs(id: string): number {
    const stager = this.#stagers.get(id);
    return stager ? this.#clock.monotonic() - stager.at : Infinity;
  }

  choose(stack: string, except: ReadonlySet<string>): string | undefined {
    const now = this.#clock.monotonic();
    const [best] = [...this.#stagers.values()]
      .filter(
        ({ advert, at }) =>
          now - at <= advertLifeMs && advert.stacks.includes(stack) && !except.has(advert.id),
      )
      .toSorted((a, b) => a.usedAt - b.usedAt);
    if (!best) return undefined;
    best.usedAt = now;
    return best.advert.id;
  }
}
