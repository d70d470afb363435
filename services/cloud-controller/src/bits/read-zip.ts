import { open } from 'node:fs/promises';
import { join } from 'node:path';
import yauzl from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { ApiError } from '../errors.ts';
import { quote } from './file-tree.ts';
import type { FileSource, FileTree } from './file-tree.ts';
import { inLanes } from './in-lanes.ts';
import type { Allowance } from './meter.ts';
import { isFull } from './no-space.ts';
import { isSmall, readSmall, unpackEntry } from './unpack-entry.ts';
import type { OpenZip } from './unpack-entry.ts';
import { describeEntry, nameOf } from './zip-entry.ts';

const LANES = 8;
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
  const handle = await open(path, 'r');
  let zip: ZipFile | undefined;
  try {
    // Names are decoded and judged here: the library's way turns backslashes into slashes.
    zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false, decodeStrings: false });
    if (zip.entryCount > mostEntries) throw new ApiError(402, `more than ${mostEntries} files and folders`);
    const opened = { zip, handle };
    let count = 0;
    await inLanes(entriesOf(zip), LANES, (entry) =>
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
    await handle.close();
  }
}

/** Unlike the library's own iterator, a generator may be asked for the next entry before the last one came. */
async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  yield* zip.eachEntry();
}

async function readEntry(
  opened: OpenZip,
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
    if (entry.uncompressedSize > MOST_LINK_BYTES || !isSmall(entry)) {
      throw new ApiError(402, `the link ${quote(name)} is too long`);
    }
    const target = await readSmall(opened, entry, name, allowance);
    return tree.add(name, { kind: 'link', target: target.toString('utf8') });
  }
  // The name is judged before anything is unpacked; two entries of one name never both get so far.
  const source: FileSource = { kind: 'file', tempPath, sha1: '', size: 0, mode };
  tree.add(name, source);
  Object.assign(source, await unpackEntry(opened, entry, name, tempPath, allowance));
}
