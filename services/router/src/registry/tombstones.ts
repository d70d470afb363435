/** Remembers until when a sender's news of a place is outdated: an unregister may overtake the register before it. */
export class Tombstones {
  readonly #times = new Map<string, { updatedAt: number; buriedAt: number }>();

  /** `now` is monotonic ms, `updatedAt` the sender's clock. */
  bury(address: string, key: string, updatedAt: number, now: number): void {
    this.#times.set(`${address} ${key}`, { updatedAt, buriedAt: now });
  }

  /** Whether news with this time came after the burial. */
  isOutdated(address: string, key: string, updatedAt: number): boolean {
    if (this.#times.size === 0) return false;
    const found = this.#times.get(`${address} ${key}`);
    return found !== undefined && updatedAt <= found.updatedAt;
  }

  /** Forgets those older than the monotonic time. */
  expire(before: number): void {
    for (const [key, { buriedAt }] of this.#times) if (buriedAt < before) this.#times.delete(key);
  }
}
