import type { Logger } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import { X509Certificate } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';

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
    const bases = (await readdir(directory))
      .filter((name) => name.endsWith('.crt'))
      .map((name) => name.slice(0, -4))
      .sort();
    const files = bases.flatMap((base) => [`${base}.crt`, `${base}.key`]);
    const stamp = `${bases.join()} ${(await Promise.all(files.map((file) => stampOf(join(directory, file))))).join()}`;
    if (stamp === this.#stamp) return;
    const byName = new Map<string, SecureContext>();
    let fallback: SecureContext | undefined;
    let pair: CertificatePair | undefined;
    for (const base of bases) {
      try {
        const cert = await readFile(join(directory, `${base}.crt`));
        const key = await readFile(join(directory, `${base}.key`));
        const context = createSecureContext({ cert, key });
        for (const name of namesOf(cert)) byName.set(name, context);
        if (base !== 'default' && fallback !== undefined) continue;
        fallback = context;
        pair = { cert, key };
      } catch (error) {
        // A pair that is being replaced is whole at the next look; what was there serves until then.
        log.error({ event: 'certificate-unusable', name: base, err: error });
        return;
      }
    }
    this.#stamp = stamp;
    if (fallback === undefined || pair === undefined) return;
    this.#default = pair;
    for (const listener of this.#listeners) listener(pair);
    this.#byName = byName;
    this.#fallback = fallback;
    log.info({ event: 'certificates-loaded', count: bases.length, names: byName.size });
  }
}

async function stampOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? '-' : `${found.ino}:${found.size}:${found.mtimeMs}`;
}

/** The host names a certificate is for, lower case. */
export function namesOf(pem: Buffer): string[] {
  const { subjectAltName = '', subject } = new X509Certificate(pem);
  const names = [...subjectAltName.matchAll(/DNS:([^,\s]+)/g)].map((each) => each[1] ?? '');
  const common = /(?:^|\n)CN=([^\n]+)/.exec(subject)?.[1];
  return [...names, ...(common === undefined ? [] : [common])].map((each) => each.toLowerCase());
}
