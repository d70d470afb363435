import { X509Certificate } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { namesOf } from '../plane/front/certificates.ts';
import type { ServedPair } from './config-text.ts';

/**
 * The certificates of a directory in nginx's words; one name is served by one pair alone. Rejects when there is none, or
 * one whose key is not its own: a pair that is being replaced is whole at the next look.
 */
export async function readPairs(directory: string): Promise<ServedPair[]> {
  const bases = (await readdir(directory))
    .filter((name) => name.endsWith('.crt'))
    .map((name) => name.slice(0, -4))
    .sort();
  if (bases.length === 0) throw new Error(`no certificate in ${directory}`);
  const fallback = bases.includes('default') ? 'default' : bases[0];
  const taken = new Set<string>();
  const pairs: ServedPair[] = [];
  for (const base of bases) {
    const certificate = join(directory, `${base}.crt`);
    const key = join(directory, `${base}.key`);
    const pem = await readFile(certificate);
    void new X509Certificate(pem);
    const names = namesOf(pem).filter((name) => /^[\w.*-]+$/.test(name) && !taken.has(name));
    for (const name of names) taken.add(name);
    pairs.push({ certificate, key, names, fallback: base === fallback });
  }
  return pairs;
}

/** Changes when a file of the directory does. */
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
