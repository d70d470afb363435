import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Client } from '../api/client.ts';
import { appPath } from '../api/apps.ts';
import { packageFilesSchema, resourcesSchema } from '../api/schemas.ts';
import { ApiError } from '../errors.ts';
import type { TreeEntry } from './scan.ts';

/** What identifies the content of a file; `fn` is relative to the pushed folder, `mode` its permissions. */
export interface Fingerprint {
  fn: string;
  sha1: string;
  size: number;
  mode: number;
}

/** What an upload keeps of the application's package on the target: all its files but these. */
export interface Base {
  package: string;
  without: string[];
}

type FileEntry = Extract<TreeEntry, { kind: 'file' }>;

/** Below this total the round trip costs more than it saves. */
export const matchFromTotalBytes = 64 * 1024;
/** Files below this are always sent. */
const matchFromFileBytes = 1024;
const batchSize = 1000;
/** Up to this size a file is read in one piece, which takes far fewer steps than a stream. */
const inOnePieceBytes = 256 * 1024;

/** Reads files, a few at a time and large ones as streams; answers in the order given. */
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
      const path = join(root, file.path);
      if (file.size <= inOnePieceBytes) hash.update(await readFile(path));
      else await pipeline(createReadStream(path), hash);
      results[i] = { fn: file.path, sha1: hash.digest('hex'), size: file.size, mode: file.mode };
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, files.length) }, worker));
  return results;
}

/**
 * Compares with the list that the target keeps of the application's present package: nothing is sent for the files
 * that are still the same. Undefined when it has no such list, or nothing is the same.
 */
export async function matchPackage(
  client: Client,
  name: string,
  root: string,
  entries: readonly TreeEntry[],
): Promise<{ base: Base; kept: Set<string> } | undefined> {
  const files = entries.filter((entry) => entry.kind === 'file');
  if (files.reduce((sum, file) => sum + file.size, 0) <= matchFromTotalBytes) return undefined;
  const there = await client.get(appPath(name, '/resources'), packageFilesSchema).catch((error: unknown) => {
    if (error instanceof ApiError) return undefined;
    throw error;
  });
  if (there === undefined) return undefined;
  const keyOf = ({ fn, sha1, size, mode }: Fingerprint) => `${sha1} ${size} ${mode | 0o600} ${fn}`;
  const here = new Set((await fingerprintFiles(root, files)).map(keyOf));
  const [same, other] = [true, false].map((wanted) =>
    there.resources.filter((entry) => here.has(keyOf(entry)) === wanted).map(({ fn }) => fn),
  ) as [string[], string[]];
  if (same.length === 0) return undefined;
  return { base: { package: there.package, without: other }, kept: new Set(same) };
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
