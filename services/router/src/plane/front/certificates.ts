import type { Logger } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { tlsSettings } from './tls-settings.ts';
import { namesOf, pairFiles, stampOf } from './pair-files.ts';

/** What the certificates need. */
export interface CertificatesOptions {
  /** Holds pairs of `NAME.crt` (the chain) and `NAME.key`, in PEM; `default` is for names that no other is for. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** How often it is looked at for changes. */
  readonly intervalMs: number;
}

/** A certificate and its key, in PEM. */
export interface CertificatePair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The certificates of a directory by the names they are for. A change is seen at the next look, and drops nobody. */
export class Certificates {
  readonly #options: CertificatesOptions;
  #byName = new Map<string, SecureContext>();
  #fallback: SecureContext | undefined;
  #default: CertificatePair | undefined;
  readonly #listeners: ((pair: CertificatePair) => void)[] = [];
  #single = false;
  #stamp = '';
  #timer: Timer | undefined;

  constructor(options: CertificatesOptions) {
    this.#options = options;
  }

  /** Loads them; rejects when there is none that can be used. */
  async start(): Promise<void> {
    const { directory, clock, log, intervalMs } = this.#options;
    await this.#load();
    if (this.#fallback === undefined) throw new Error(`no usable certificate in ${directory}`);
    this.#timer = clock.setInterval(() => {
      this.#load().catch((error: unknown) => log.error({ event: 'certificates-failed', err: error }));
    }, intervalMs);
  }

  /** Called with the default pair, now and whenever it was loaded anew: for visitors who name no host. */
  onDefault(listener: (pair: CertificatePair) => void): void {
    this.#listeners.push(listener);
    if (this.#default !== undefined) listener(this.#default);
  }

  /** Whether there is one pair alone, which then is for all names. */
  get single(): boolean {
    return this.#single;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** The one for a host: by its name, by a wildcard over one label, or the default. */
  for(host: string): SecureContext | undefined {
    const name = host.toLowerCase();
    const dot = name.indexOf('.');
    const wild = dot < 0 ? undefined : this.#byName.get(`*${name.slice(dot)}`);
    return this.#byName.get(name) ?? wild ?? this.#fallback;
  }

  async #load(): Promise<void> {
    const { directory, log } = this.#options;
    const stamp = await stampOf(directory);
    if (stamp === this.#stamp) return;
    const byName = new Map<string, SecureContext>();
    let fallback: SecureContext | undefined;
    let pair: CertificatePair | undefined;
    const files = await pairFiles(directory);
    for (const each of files) {
      try {
        const cert = await readFile(each.certificate);
        const key = await readFile(each.key);
        const context = createSecureContext({ cert, key, ...tlsSettings });
        for (const name of namesOf(cert)) byName.set(name, context);
        if (!each.fallback) continue;
        fallback = context;
        pair = { cert, key };
      } catch (error) {
        // A pair that is being replaced is whole at the next look; what was there serves until then.
        log.error({ event: 'certificate-unusable', name: each.name, err: error });
        return;
      }
    }
    this.#stamp = stamp;
    if (fallback === undefined || pair === undefined) return;
    this.#default = pair;
    for (const listener of this.#listeners) listener(pair);
    this.#byName = byName;
    this.#fallback = fallback;
    this.#single = files.length === 1;
    log.info({ event: 'certificates-loaded', count: files.length, names: byName.size });
  }
}
