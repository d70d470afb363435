import { readFile } from 'node:fs/promises';
import { namesOf, pairFiles } from '../plane/front/pair-files.ts';
import type { PairFiles } from '../plane/front/pair-files.ts';

/** A certificate, its key, and the names it is for. */
export interface ServedPair extends PairFiles {
  readonly names: readonly string[];
}

/**
 * The certificates of a directory in nginx's words; one name is served by one pair alone. Rejects when there is none, or
 * one that cannot be read. Whether keys are their certificates' nginx looks itself when it tests its configuration.
 */
export async function readPairs(directory: string): Promise<ServedPair[]> {
  const files = await pairFiles(directory);
  if (files.length === 0) throw new Error(`no certificate in ${directory}`);
  const taken = new Set<string>();
  const pairs: ServedPair[] = [];
  for (const each of files) {
    const names = namesOf(await readFile(each.certificate)).filter(
      (name) => /^[\w.*-]+$/.test(name) && !taken.has(name),
    );
    for (const name of names) taken.add(name);
    pairs.push({ ...each, names });
  }
  return pairs;
}
