/** Lets some pieces of work go on at the same time. */
export class Lanes {
  readonly #width: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  constructor(width: number) {
    this.#width = width;
  }

  /** Begins `work` when a lane is free; rejects with what an earlier one failed with. */
  async run(work: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#width) await Promise.race(this.#running);
    if (this.#failure) throw this.#failure.error;
    const running = work()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when nothing goes on any more; rejects with the first failure. */
  async end(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failure) throw this.#failure.error;
  }
}
