import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { ApiError } from '../errors.ts';
import { quote } from './file-tree.ts';
import type { FileSource, FileTree } from './file-tree.ts';
import { inLanes } from './in-lanes.ts';
import { Meter } from './meter.ts';
import type { Allowance } from './meter.ts';
import { isFull } from './no-space.ts';
import { describeEntry, nameOf } from './zip-entry.ts';

const LANES = 4;
const MOST_LINK_BYTES = 4096;
/** vmc puts this file into an archive that would be empty otherwise. */
const PLACEHOLDER = '.__empty__';

/** Unpacks an archive file by file into `workDir` and fills the tree; throws 402 for whatever is wrong with it. */
export async function readZip(
  path: string,
  workDir: string,
  tree: FileTree,
  allowance: Allowance,
  mostEntries: number,
): Promise<void> {
  let zip: ZipFile | undefined;
  try {
    // Names are decoded and judged here: the library's way turns backslashes into slashes.
    const opened = await yauzl.openPromise(path, {
      lazyEntries: true,
      autoClose: false,
      decodeStrings: false,
    });
    zip = opened;
    if (opened.entryCount > mostEntries)
      throw new ApiError(402, `more than ${mostEntries} files and folders`);
    let count = 0;
    await inLanes(entriesOf(opened), LANES, (entry) =>
      readEntry(opened, entry, join(workDir, String(++count)), tree, allowance),
    );
  } catch (error) {
    if (error instanceof ApiError || isFull(error)) throw error;
    throw new ApiError(
      402,
      `not a sound zip file: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    zip?.close();
  }
}

/** Unlike the library's own iterator, a generator may be asked for the next entry before the last one came. */
async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  yield* zip.eachEntry();
}

async function readEntry(
  zip: ZipFile,
  entry: Entry,
  tempPath: string,
  tree: FileTree,
  allowance: Allowance,
): Promise<void> {
  const name = nameOf(entry);
  if (name === PLACEHOLDER || name === '') return;
  const { type, mode } = describeEntry(entry, name);
  if (type === 'directory') return tree.add(name, { kind: 'directory' });
  if (type === 'link') {
    if (entry.uncompressedSize > MOST_LINK_BYTES)
      throw new ApiError(402, `the link ${quote(name)} is too long`);
    const meter = new Meter(allowance);
    const [target] = await Promise.all([
      buffer(meter),
      pipeline(await zip.openReadStreamPromise(entry), meter),
    ]);
    checkCrc(entry, name, meter);
    return tree.add(name, { kind: 'link', target: target.toString('utf8') });
  }
  const source: FileSource = { kind: 'file', tempPath, sha1: '', size: 0, mode };
  tree.add(name, source);
  await unpack(await zip.openReadStreamPromise(entry), entry, name, source, allowance);
}

async function unpack(
  content: Readable,
  entry: Entry,
  name: string,
  source: FileSource,
  allowance: Allowance,
): Promise<void> {
  // The bytes that come out count, not what the archive says of itself.
  const meter = new Meter(allowance);
  await pipeline(content, meter, createWriteStream(source.tempPath, { mode: 0o600 }));
  checkCrc(entry, name, meter);
  source.sha1 = meter.sha1();
  source.size = meter.size;
}

function checkCrc(entry: Entry, name: string, meter: Meter): void {
  if (meter.crc32 !== entry.crc32) throw new ApiError(402, `${quote(name)} is damaged: wrong checksum`);
}
