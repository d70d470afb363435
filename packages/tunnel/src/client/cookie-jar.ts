/**
 * The cookies of one tunnel: with them a router finds the instance that holds it. Attributes are not looked at, as the
 * jar never leaves its tunnel.
 */
export class CookieJar {
  readonly #cookies = new Map<string, string>();

  /** What to send; undefined for none. */
  get header(): string | undefined {
    if (this.#cookies.size === 0) return undefined;
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** Takes over the `Set-Cookie` lines of an answer. */
  keep(lines: string | string[] | undefined): void {
    for (const line of [lines ?? []].flat()) {
      const pair = line.split(';', 1)[0] ?? '';
      const cut = pair.indexOf('=');
      if (cut > 0) this.#cookies.set(pair.slice(0, cut).trim(), pair.slice(cut + 1).trim());
    }
  }
}
