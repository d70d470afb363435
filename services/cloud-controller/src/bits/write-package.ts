import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { FileSource, FileTree, PooledSource, Source } from './file-tree.ts';
import { inLanes } from './in-lanes.ts';
import { looksPacked } from './looks-packed.ts';
import { Meter } from './meter.ts';

/**
 * One local time for all entries, without the field that would tell its zone: the archive depends on nothing but
 * names, modes and content.
 */
const STAMP = { mtime: new Date(2000, 0, 1), forceDosTimestamp: true };
/** Packages are unpacked once or twice: speed before size. */
const COMPRESSION_LEVEL = 1;
/** Up to this size content is read and packed in memory, several files at a time. */
const SMALL_BYTES = 128 * 1024;
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_ENTRIES = 128;
const LANES = 8;

/** Gives pooled content; fails if it is not what its sha1 says. */
export interface Pooled {
  open(source: PooledSource, path: string): Promise<Readable>;
  read(source: PooledSource, path: string): Promise<Buffer>;
}
type Entries = [string, Source][];
type Content = (name: string, source: FileSource | PooledSource) => Readable;

/** Writes the tree as a zip file and answers its hex sha1. No more than two batches are in memory at a time. */
export async function writePackage(tree: FileTree, path: string, pooled: Pooled): Promise<string> {
  const zip = new ZipFile();
  const output = zip.outputStream as PassThrough;
  const opened = new Set<Readable>();
  zip.on('error', (error: Error) => output.destroy(error));
  const content: Content = (name, source) => {
    const stream = Readable.from(contentOf(name, source, pooled), { objectMode: false });
    opened.add(stream);
    // The library does not watch the streams it is given.
    return stream
      .on('error', (error: Error) => output.destroy(error))
      .on('close', () => opened.delete(stream));
  };
  const meter = new Meter();
  const written = pipeline(output, meter, createWriteStream(path, { mode: 0o600 }));
  const added = addAll(zip, tree, pooled, content, written).catch((error: Error) => output.destroy(error));
  try {
    await written;
  } finally {
    for (const stream of opened) stream.destroy();
    await added;
  }
  return meter.sha1();
}

async function* contentOf(
  name: string,
  source: FileSource | PooledSource,
  pooled: Pooled,
): AsyncGenerator<Buffer> {
  yield* source.kind === 'pooled' ? await pooled.open(source, name) : createReadStream(source.tempPath);
}

async function addAll(
  zip: ZipFile,
  tree: FileTree,
  pooled: Pooled,
  content: Content,
  written: Promise<void>,
): Promise<void> {
  let before = Promise.resolve();
  for (const batch of batchesOf(tree.entries())) {
    // Read while the batch before is being written.
    const small = await readSmall(batch, pooled);
    await Promise.race([before, written]);
    const last = batch.length - 1;
    before = new Promise((resolve) => {
      batch.forEach(([name, source], at) =>
        addEntry(zip, name, source, small.get(name), content, at === last ? resolve : undefined),
      );
    });
  }
  zip.end();
}

/** Cuts the entries so that each batch but the last ends with a file. The same tree is always cut the same way. */
function* batchesOf(entries: Entries): Generator<Entries> {
  let batch: Entries = [];
  let bytes = 0;
  for (const entry of entries) {
    batch.push(entry);
    const size = sizeOf(entry[1]);
    if (size === undefined) continue;
    if (size <= SMALL_BYTES) bytes += size;
    if (batch.length < BATCH_ENTRIES && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

async function readSmall(batch: Entries, pooled: Pooled): Promise<Map<string, Buffer>> {
  const read = new Map<string, Buffer>();
  await inLanes(batch, LANES, async ([name, source]) => {
    if (source.kind === 'directory' || source.kind === 'link' || source.size > SMALL_BYTES) return;
    const content = source.kind === 'pooled' ? pooled.read(source, name) : readFile(source.tempPath);
    read.set(name, await content);
  });
  return read;
}

/** `onRead` is called when the entry's turn came and its content was read: all entries before it are written then. */
function addEntry(
  zip: ZipFile,
  name: string,
  source: Source,
  small: Buffer | undefined,
  content: Content,
  onRead: (() => void) | undefined,
): void {
  if (source.kind === 'directory') return zip.addEmptyDirectory(name, { ...STAMP, mode: 0o40755 });
  if (source.kind === 'link') {
    return zip.addBuffer(Buffer.from(source.target), name, { ...STAMP, mode: 0o120777, compress: false });
  }
  const options = {
    ...STAMP,
    mode: 0o100000 | source.mode,
    compressionLevel: small && looksPacked(small) ? 0 : COMPRESSION_LEVEL,
  };
  if (small && !onRead) return zip.addBuffer(small, name, options);
  zip.addReadStreamLazy(name, { ...options, size: source.size }, (done) => {
    const stream = small
      ? Readable.from(small.length > 0 ? [small] : [], { objectMode: false })
      : content(name, source);
    if (onRead) stream.once('end', onRead);
    done(null, stream);
  });
}

function sizeOf(source: Source): number | undefined {
  return source.kind === 'file' || source.kind === 'pooled' ? source.size : undefined;
}
