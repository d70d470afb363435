import type { StagingAdvertise } from '@vcap/bus';
import type { Clock } from '@vcap/clock';

const ADVERT_LIFE_MS = 10_000;
/** Kept longer than it may be chosen: how long a stager is silent is asked of those at work. */
const FORGOTTEN_AFTER_MS = 600_000;
/** What may be a word of a subject: an advert of another id could never be ordered anything. */
const ORDERABLE_ID = /^[\w-]+$/;

interface Stager {
  readonly advert: StagingAdvertise;
  readonly at: number;
  /** Counts the tasks given out, so that the least lately used is known. */
  readonly usedAt: number;
}

/** Stagers by their adverts. The least lately used of those with room is chosen, so that work spreads. */
export class StagerPool {
  readonly #clock: Clock;
  readonly #stagers = new Map<string, Stager>();
  readonly #waiting = new Set<() => void>();
  #uses = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  advertise(advert: StagingAdvertise): void {
    if (!ORDERABLE_ID.test(advert.id)) return;
    const now = this.#clock.monotonic();
    for (const [id, { at }] of this.#stagers) if (now - at > FORGOTTEN_AFTER_MS) this.#stagers.delete(id);
    const usedAt = this.#stagers.get(advert.id)?.usedAt ?? 0;
    this.#stagers.set(advert.id, { advert, at: now, usedAt });
    for (const wake of this.#waiting) wake();
  }

  /** Milliseconds since the stager was last heard; Infinity when never. */
  silentForMs(id: string): number {
    const stager = this.#stagers.get(id);
    return stager ? this.#clock.monotonic() - stager.at : Infinity;
  }

  /** One that advertised within 10 s; of `except` only when there is no other. A full one is the last resort. */
  choose(stack: string, except: ReadonlySet<string>): string | undefined {
    const now = this.#clock.monotonic();
    const [best] = [...this.#stagers.values()]
      .filter(({ advert, at }) => now - at <= ADVERT_LIFE_MS && advert.stacks.includes(stack))
      .toSorted((left, right) => weight(left, except) - weight(right, except) || left.usedAt - right.usedAt);
    if (!best) return undefined;
    this.#stagers.set(best.advert.id, { ...best, usedAt: ++this.#uses });
    return best.advert.id;
  }

  /** Like `choose`, but waits up to `timeoutMs` for a stager's advert. */
  async chooseWithin(
    stack: string,
    except: ReadonlySet<string>,
    timeoutMs: number,
  ): Promise<string | undefined> {
    const deadline = this.#clock.monotonic() + timeoutMs;
    for (;;) {
      const id = this.choose(stack, except);
      const left = deadline - this.#clock.monotonic();
      if (id !== undefined || left <= 0) return id;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = this.#clock.setTimeout(resolve, left);
      this.#waiting.add(resolve);
      await promise;
      this.#waiting.delete(resolve);
      timer.cancel();
    }
  }
}

function weight({ advert }: Stager, except: ReadonlySet<string>): number {
  return (except.has(advert.id) ? 2 : 0) + (advert.available_memory <= 0 ? 1 : 0);
}
