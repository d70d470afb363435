import { nameSlots } from './names.ts';

const mostRuns = 4096;

/**
 * What a parser found in a head, as places in its text: one object serves all heads of a kind, so take what is to
 * outlive the next parse. `runs` are the parts that pass on as they are.
 */
export class Head {
  /** The head as latin1 text, from its first byte; more may follow. */
  text = '';
  /** Where the head began in the buffer; all places are relative to it. */
  base = 0;
  /** 0 or 1: HTTP/1.0 or HTTP/1.1. */
  minor = 1;
  /** Undefined when there is no Content-Length: -1. */
  length = -1;
  chunked = false;
  /** What Connection says. */
  close = false;
  keepAlive = false;
  upgrade = false;
  /** Names in Connection that are neither of the above, lower case. */
  named: string[] | undefined;
  /** Where the name's value starts and ends, at 2 × and 2 × + 1 its number; start -1: absent. The first of several. */
  readonly at = new Int32Array(nameSlots).fill(-1);
  readonly #seen = new Uint8Array(nameSlots);
  #seenCount = 0;
  /** How often a name came that may come but once. */
  hosts = 0;
  readonly runs = new Int32Array(2 * mostRuns);
  runCount = 0;

  /** Forgets the last head. */
  clear(base: number): void {
    this.base = base;
    this.minor = 1;
    this.length = -1;
    this.chunked = false;
    this.close = false;
    this.keepAlive = false;
    this.upgrade = false;
    this.named = undefined;
    this.hosts = 0;
    this.runCount = 0;
    const { at } = this;
    for (let i = 0; i < this.#seenCount; i += 1) at[2 * (this.#seen[i] as number)] = -1;
    this.#seenCount = 0;
  }

  /** Notes where the value of a name is; the first of several counts. */
  place(id: number, start: number, end: number): void {
    const { at } = this;
    if ((at[2 * id] as number) >= 0) return;
    at[2 * id] = start;
    at[2 * id + 1] = end;
    this.#seen[this.#seenCount] = id;
    this.#seenCount += 1;
  }

  /** Whether a name of `names` came; by number, as a look-up by text costs more than the rest of it. */
  has(id: number): boolean {
    return (this.at[2 * id] as number) >= 0;
  }

  /** The value's text, or undefined. */
  value(id: number): string | undefined {
    const start = this.at[2 * id] as number;
    return start < 0 ? undefined : this.text.slice(start, this.at[2 * id + 1]);
  }

  /** Lets a part of the head pass; parts that touch become one. False: too many. */
  keep(start: number, end: number): boolean {
    const { runs, runCount } = this;
    if (runCount > 0 && runs[runCount - 1] === start) {
      runs[runCount - 1] = end;
      return true;
    }
    if (runCount === runs.length) return false;
    runs[runCount] = start;
    runs[runCount + 1] = end;
    this.runCount = runCount + 2;
    return true;
  }

  /** All that passes, as text. */
  kept(): string {
    const { runs, runCount, text } = this;
    if (runCount === 0) return '';
    let out = text.slice(runs[0], runs[1]);
    for (let i = 2; i < runCount; i += 2) out += text.slice(runs[i], runs[i + 1]);
    return out;
  }
}
