import { X509Certificate } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a certificate and its key are; `fallback`: for names that no other is for. */
export interface PairFiles {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
  readonly fallback: boolean;
}

/** The pairs of `NAME.crt` and `NAME.key` in a directory, by name; `default` is the fallback, else the first. */
export async function pairFiles(directory: string): Promise<PairFiles[]> {
  const names = (await readdir(directory))
    .filter((file) => file.endsWith('.crt'))
    .map((file) => file.slice(0, -4))
    .sort();
  const fallback = names.includes('default') ? 'default' : names[0];
  return names.map((name) => ({
    name,
    certificate: join(directory, `${name}.crt`),
    key: join(directory, `${name}.key`),
    fallback: name === fallback,
  }));
}

/** Changes when a pair of the directory does. */
export async function stampOf(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => /\.(?:crt|key)$/.test(name)).sort();
  const stamps = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(directory, name)).catch(() => undefined);
      return `${name}:${found?.ino}:${found?.size}:${found?.mtimeMs}`;
    }),
  );
  return stamps.join();
}

/** The host names a certificate is for, lower case; throws when it is none. */
export function namesOf(pem: Buffer): string[] {
  const { subjectAltName = '', subject } = new X509Certificate(pem);
  const names = [...subjectAltName.matchAll(/DNS:([^,\s]+)/g)].map((each) => each[1] ?? '');
  const common = /(?:^|\n)CN=([^\n]+)/.exec(subject)?.[1];
  return [...names, ...(common === undefined ? [] : [common])].map((each) => each.toLowerCase());
}
