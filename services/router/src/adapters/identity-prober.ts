import type { Logger } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { setImmediate as turn } from 'node:timers/promises';
import type { Entry, Witness } from '../registry/entry.ts';
import type { Registry } from '../registry/registry.ts';
import { askWitness } from './witness-client.ts';

/** What the prober needs; times in milliseconds. */
export interface IdentityProberOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  /** An address whose owner said nothing for this long is asked after; well below the time for which DEAs rest a port. */
  readonly vouchMs: number;
  /** For one DEA to answer. */
  readonly timeoutMs: number;
}

const sliceSize = 2000;
/** DEAs asked at once. */
const mostAsked = 256;
/** Visitors wait no longer than this for the first answers. */
const startMs = 5000;

type Question = readonly [witness: Witness, entries: readonly Readonly<Entry>[]];

/**
 * Keeps visitors from the heirs of ports. As long as registrations arrive it has nothing to do: a DEA rests a port for
 * longer than a registration is old. When they stop (the bus is away, or messages are lost), and for all that came out of
 * a snapshot, it asks the DEAs themselves which instance holds which port. Who holds his no more is not used until he
 * registers; where there is no answer all stays as it is, as a DEA that does not run gives no port to anybody.
 */
export class IdentityProber implements Member {
  readonly name = 'identity-prober';
  /** DEAs asked, those that did not answer, and addresses found to be somebody else's or nobody's. */
  readonly counters = { asked: 0, unanswered: 0, disowned: 0 };
  readonly #options: IdentityProberOptions;
  /** DEAs that did not answer the last time: they keep nobody waiting. */
  readonly #silent = new WeakSet<Witness>();
  #timer: Timer | undefined;
  #asking = false;
  #askingSilent = false;

  constructor(options: IdentityProberOptions) {
    this.#options = options;
  }

  /** Asks after what came out of a snapshot before visitors are let in. */
  async start(): Promise<void> {
    const { clock, vouchMs } = this.#options;
    const late = new AbortController();
    await Promise.race([this.#round(), clock.sleep(startMs, late.signal)]);
    late.abort();
    this.#timer = clock.setInterval(() => void this.#round(), vouchMs / 2);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
  }

  async #round(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const questions = [...(await this.#gather())];
    void this.#askSilent(questions.filter(([witness]) => this.#silent.has(witness)));
    await this.#askAll(questions.filter(([witness]) => !this.#silent.has(witness)));
    this.#asking = false;
  }

  async #askSilent(questions: Question[]): Promise<void> {
    if (this.#askingSilent) return;
    this.#askingSilent = true;
    await this.#askAll(questions);
    this.#askingSilent = false;
  }

  /** Never rejects. */
  async #askAll(questions: Question[]): Promise<void> {
    const next = async (): Promise<void> => {
      for (let each = questions.pop(); each !== undefined; each = questions.pop()) {
        await this.#ask(...each).catch((error: unknown) =>
          this.#options.log.error({ event: 'identity-probe-failed', err: error }),
        );
      }
    };
    await Promise.all(Array.from({ length: Math.min(mostAsked, questions.length) }, next));
  }

  async #gather(): Promise<Map<Witness, Readonly<Entry>[]>> {
    const { clock, registry, vouchMs } = this.#options;
    const found = new Map<Witness, Readonly<Entry>[]>();
    for (const slice of registry.unvouched(clock.monotonic() - vouchMs, sliceSize)) {
      for (const entry of slice) {
        const { witness } = entry;
        if (witness === undefined) continue;
        const entries = found.get(witness);
        if (entries === undefined) found.set(witness, [entry]);
        else entries.push(entry);
      }
      await turn();
    }
    return found;
  }

  async #ask(witness: Witness, entries: readonly Readonly<Entry>[]): Promise<void> {
    const { clock, log, registry, timeoutMs } = this.#options;
    const at = clock.monotonic();
    const held = await askWitness(witness, entries, timeoutMs);
    this.counters.asked += 1;
    if (held === undefined) {
      this.counters.unanswered += 1;
      this.#silent.add(witness);
      return;
    }
    this.#silent.delete(witness);
    let disowned = 0;
    for (const entry of entries) {
      const holds = held.has(entry.facts.port);
      if (!holds && !registry.isAside(entry.facts.address)) disowned += 1;
      registry.testified(entry, at, holds);
    }
    this.counters.disowned += disowned;
    if (disowned > 0) log.warn({ event: 'ports-changed-hands', dea: witness.dea, addresses: disowned });
  }
}
