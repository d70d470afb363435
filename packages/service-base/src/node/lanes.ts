/**
 * Runs work in lanes: work of one key strictly one after another, and no more than `width` pieces at once over all
 * keys. Work that waits for its key takes no place from others.
 */
export class Lanes {
  readonly #width: number;
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** Is there work of this key, running or waiting? */
  busy(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Pieces of work that run now. */
  get running(): number {
    return this.#running;
  }

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(() => this.#placed(work));
    const tail = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }

  /** Resolves when nothing runs or waits. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }

  async #placed<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#width) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The place goes to the next one, so the count stays.
      if (next) next();
      else this.#running--;
    }
  }
}
