import type { Witness } from './entry.ts';
import type { Registration } from './registration.ts';

const mostKept = 20_000;

/** The DEAs that registrations name, each once. */
export class Witnesses {
  readonly #known = new Map<string, Witness>();

  /** The one of a registration; `last` is the one of the address until now, mostly the same. */
  of(registration: Registration, last: Witness | undefined): Witness | undefined {
    const { dea, host, identityPort: port, privateInstanceId } = registration;
    if (dea === undefined || port === undefined || privateInstanceId === undefined) return undefined;
    if (last !== undefined && last.port === port && last.dea === dea && last.host === host) return last;
    const key = `${host} ${port} ${dea}`;
    let witness = this.#known.get(key);
    if (witness === undefined) {
      // Those of DEAs that are gone go too; the entries have theirs.
      if (this.#known.size >= mostKept) this.#known.clear();
      witness = { dea, host, port };
      this.#known.set(key, witness);
    }
    return witness;
  }
}
