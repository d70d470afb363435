import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { ApiError } from '../errors.ts';
import type { FileTree } from './file-tree.ts';
import { tooLarge } from './multipart.ts';

const linkMode = 0o120000;
const typeMask = 0o170000;
const mostLinkBytes = 4096;
/** vmc puts this file into an archive that would be empty otherwise. */
const placeholder = '.__empty__';

export interface ZipLimits {
  /** Unpacked bytes in all. */
  mostBytes: number;
  mostEntries: number;
}

/** Unpacks an archive file by file into `workDir` and fills the tree; throws 402 for whatever is wrong with it. */
export async function readZip(
  path: string,
  workDir: string,
  tree: FileTree,
  limits: ZipLimits,
): Promise<void> {
  const zip = await openZip(path);
  let total = 0;
  let count = 0;
  const seen = {
    add: (bytes: number): void => {
      total += bytes;
      if (total > limits.mostBytes) throw tooLarge(limits.mostBytes);
    },
  };
  try {
    for await (const entry of entriesOf(zip)) {
      if (++count > limits.mostEntries) throw new ApiError(402, `more than ${limits.mostEntries} files`);
      await readEntry(zip, entry, join(workDir, String(count)), tree, seen);
    }
  } catch (error) {
    throw asFault(error);
  } finally {
    zip.close();
  }
}

async function readEntry(
  zip: ZipFile,
  entry: Entry,
  tempPath: string,
  tree: FileTree,
  seen: { add(bytes: number): void },
): Promise<void> {
  const name = entry.fileName;
  if (name === placeholder) return;
  if (name.endsWith('/')) return tree.add(name.slice(0, -1), { kind: 'directory' });
  if (entry.isEncrypted()) throw new ApiError(402, `${JSON.stringify(name)} is encrypted`);
  const unixMode = entry.externalFileAttributes >>> 16;
  const content = await streamOf(zip, entry);
  if ((unixMode & typeMask) === linkMode) {
    if (entry.uncompressedSize > mostLinkBytes)
      throw new ApiError(402, `the link ${JSON.stringify(name)} is too long`);
    return tree.add(name, { kind: 'link', target: (await buffer(content)).toString('utf8') });
  }
  const hash = createHash('sha1');
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        // The bytes that come out count, not what the archive says of itself.
        seen.add(chunk.length);
        size += chunk.length;
        hash.update(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  await pipeline(content, measure, createWriteStream(tempPath, { mode: 0o600 }));
  const mode = (unixMode & 0o777) === 0 ? 0o644 : unixMode & 0o777;
  tree.add(name, { kind: 'file', tempPath, sha1: hash.digest('hex'), size, mode: mode | 0o600 });
}

function openZip(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: false, strictFileNames: true }, (error, zip) => {
      if (error) reject(asFault(error));
      else resolve(zip);
    });
  });
}

function streamOf(zip: ZipFile, entry: Entry): Promise<NodeJS.ReadableStream> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | undefined>((resolve, reject) => {
      const done = (settle: () => void): void => {
        zip.removeAllListeners('entry').removeAllListeners('end').removeAllListeners('error');
        settle();
      };
      zip.once('entry', (next: Entry) => done(() => resolve(next)));
      zip.once('end', () => done(() => resolve(undefined)));
      zip.once('error', (error: Error) => done(() => reject(error)));
      zip.readEntry();
    });
    if (!entry) return;
    yield entry;
  }
}

function asFault(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (error instanceof ApiError) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new ApiError(402, 'no space left for the upload');
  return new ApiError(402, `not a sound zip file: ${error instanceof Error ? error.message : String(error)}`);
}
