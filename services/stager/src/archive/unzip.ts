import { createWriteStream } from 'node:fs';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { StagingError } from '../domain/staging-error.ts';
import { cleanEntryName } from './entry-name.ts';
import { Lanes } from './lanes.ts';
import { assertLinkStaysInside } from './links.ts';

/** Bounds against archives that unpack to far more than they are. */
export interface UnzipLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** What is thrown when the disk is full. */
  readonly full: (cause: Error) => StagingError;
}

/** What was unpacked. */
export interface Unzipped {
  readonly files: number;
  readonly bytes: number;
}

/** Up to this size an entry goes through memory, several at a time. */
const SMALL_BYTES = 128 * 1024;
const LANES = 8;

type Kind = 'file' | 'directory' | 'link';

/**
 * Unpacks `zip` into the empty directory `into`. Modes are kept (without set-id bits); links are made
 * last, so that no file is ever written through one.
 * @throws StagingError `BadArchive` for broken or hostile archives; the signal's reason when aborted
 */
export const unzip = async (
  zip: string,
  into: string,
  limits: UnzipLimits,
  signal: AbortSignal,
): Promise<Unzipped> => {
  try {
    return await unpack(zip, into, limits, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StagingError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') throw limits.full(error);
    const reason = error instanceof Error ? error.message : String(error);
    throw new StagingError('BadArchive', `the application's archive cannot be read: ${reason}`, {
      cause: error,
    });
  }
};

const unpack = async (
  zip: string,
  into: string,
  limits: UnzipLimits,
  signal: AbortSignal,
): Promise<Unzipped> => {
  const archive = await openPromise(zip, { lazyEntries: true, autoClose: false, strictFileNames: true });
  const lanes = new Lanes(LANES);
  try {
    if (archive.entryCount > limits.maxEntries) {
      throw new StagingError('BadArchive', `the archive holds more than ${limits.maxEntries} entries`);
    }
    const links = new Map<string, string>();
    const made = new Set<string>();
    let files = 0;
    let bytes = 0;
    for await (const entry of archive.eachEntry()) {
      signal.throwIfAborted();
      const name = cleanEntryName(entry.fileName);
      if (name === '') continue;
      const mode = unixMode(entry);
      const kind = kindOf(entry, name, mode);
      bytes += entry.uncompressedSize;
      if (bytes > limits.maxBytes) {
        throw new StagingError(
          'BadArchive',
          `the application is larger than ${limits.maxBytes} bytes unpacked`,
        );
      }
      const path = join(into, name);
      const dir = kind === 'directory' ? path : dirname(path);
      if (!made.has(dir)) await mkdir(dir, { recursive: true });
      made.add(dir);
      if (kind === 'file') {
        files += 1;
        const fileMode = mode === 0 ? 0o644 : (mode & 0o777) | 0o600;
        await lanes.run(() => writeEntry(archive, entry, path, fileMode, signal));
      } else if (kind === 'link') {
        links.set(name, await readLink(archive, entry, name));
      } else if ((mode & 0o777) !== 0) await chmod(path, (mode & 0o777) | 0o700);
    }
    await lanes.end();
    for (const [name, target] of links) assertLinkStaysInside(links, name, target);
    for (const [name, target] of links) await symlink(target, join(into, name));
    if (files + links.size === 0) throw new StagingError('BadArchive', 'the application holds no files');
    return { files, bytes };
  } finally {
    await lanes.end().catch(() => undefined);
    archive.close();
  }
};

const unixMode = (entry: Entry): number =>
  entry.versionMadeBy >> 8 === 3 ? (entry.externalFileAttributes >>> 16) & 0xffff : 0;

const kindOf = (entry: Entry, name: string, mode: number): Kind => {
  const type = mode & 0o170000;
  if (type === 0o120000) return 'link';
  if (type === 0o040000 || entry.fileName.endsWith('/')) return 'directory';
  if (type === 0o100000 || type === 0) return 'file';
  throw new StagingError('BadArchive', `${JSON.stringify(name)} is neither file, directory nor link`);
};

const writeEntry = async (
  archive: ZipFile,
  entry: Entry,
  path: string,
  mode: number,
  signal: AbortSignal,
): Promise<void> => {
  const source = await archive.openReadStreamPromise(entry);
  // `wx`: the same name twice is an error, never an overwrite.
  if (entry.uncompressedSize <= SMALL_BYTES)
    await writeFile(path, Buffer.concat((await source.toArray()) as Buffer[]), { flag: 'wx', mode: 0o600 });
  else await pipeline(source, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
  await chmod(path, mode);
};

const readLink = async (archive: ZipFile, entry: Entry, name: string): Promise<string> => {
  if (entry.uncompressedSize > 4096) {
    throw new StagingError('BadArchive', `the link ${JSON.stringify(name)} has no valid target`);
  }
  return text(await archive.openReadStreamPromise(entry));
};
