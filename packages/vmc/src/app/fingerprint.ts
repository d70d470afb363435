import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Client } from '../api/client.ts';
import { resourcesSchema } from '../api/schemas.ts';
import type { TreeEntry } from './scan.ts';

/** What identifies the content of a file; `fn` is relative to the pushed folder, `mode` its permissions. */
export interface Fingerprint {
  fn: string;
  sha1: string;
  size: number;
  mode: number;
}

type FileEntry = Extract<TreeEntry, { kind: 'file' }>;

/** Below this total the round trip costs more than it saves. */
export const matchFromTotalBytes = 64 * 1024;
/** Files below this are always sent. */
const matchFromFileBytes = 1024;
const batchSize = 1000;

/** Reads files as streams, a few at a time, in the order given. */
export async function fingerprintFiles(
  root: string,
  files: readonly FileEntry[],
  concurrency = 8,
): Promise<Fingerprint[]> {
  const results: Fingerprint[] = [];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < files.length; i = next++) {
      const file = files[i] as FileEntry;
      const hash = createHash('sha1');
      await pipeline(createReadStream(join(root, file.path)), hash);
      results[i] = { fn: file.path, sha1: hash.digest('hex'), size: file.size, mode: file.mode };
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, worker));
  return results;
}

/** The files that the target has already, so that they need not be sent. */
export async function matchResources(
  client: Client,
  root: string,
  entries: readonly TreeEntry[],
): Promise<Fingerprint[]> {
  const files = entries.filter((entry) => entry.kind === 'file');
  if (files.reduce((sum, file) => sum + file.size, 0) <= matchFromTotalBytes) return [];
  const prints = await fingerprintFiles(
    root,
    files.filter((file) => file.size >= matchFromFileBytes),
  );
  const matched: Fingerprint[] = [];
  for (let from = 0; from < prints.length; from += batchSize) {
    const batch = prints.slice(from, from + batchSize);
    const answer = await client.exchange('POST', '/resources', batch, resourcesSchema);
    const keys = new Set(answer.map((entry) => `${entry.sha1} ${entry.size} ${entry.fn}`));
    matched.push(...batch.filter((print) => keys.has(`${print.sha1} ${print.size} ${print.fn}`)));
  }
  return matched;
}
