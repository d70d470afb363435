import { createReadStream, createWriteStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { FileTree, PooledSource, Source } from './file-tree.ts';
import { Meter } from './meter.ts';

/**
 * One local time for all entries, without the field that would tell its zone: the archive depends on nothing but
 * names, modes and content.
 */
const STAMP = { mtime: new Date(2000, 0, 1), forceDosTimestamp: true };
/** Packages are unpacked once or twice: speed before size. */
const COMPRESSION_LEVEL = 1;

/** Opens pooled content; the stream fails if it is not what its sha1 says. */
export type OpenPooled = (source: PooledSource, path: string) => Promise<Readable>;

/** Writes the tree as a zip file and answers its hex sha1. Each content is opened only when its turn comes. */
export async function writePackage(tree: FileTree, path: string, openPooled: OpenPooled): Promise<string> {
  const zip = new ZipFile();
  const output = zip.outputStream as PassThrough;
  let current: Readable | undefined;
  zip.on('error', (error: Error) => output.destroy(error));
  const open = async (name: string, source: Source): Promise<Readable> => {
    current = source.kind === 'pooled' ? await openPooled(source, name) : createReadStream(pathOf(source));
    // The library does not watch the streams it is given.
    current.on('error', (error) => output.destroy(error));
    return current;
  };
  for (const [name, source] of tree.entries()) addEntry(zip, name, source, open);
  zip.end();
  const meter = new Meter();
  try {
    await pipeline(output, meter, createWriteStream(path, { mode: 0o600 }));
  } finally {
    current?.destroy();
  }
  return meter.sha1();
}

function addEntry(
  zip: ZipFile,
  name: string,
  source: Source,
  open: (name: string, source: Source) => Promise<Readable>,
): void {
  if (source.kind === 'directory') return zip.addEmptyDirectory(name, { ...STAMP, mode: 0o40755 });
  if (source.kind === 'link') {
    return zip.addBuffer(Buffer.from(source.target), name, { ...STAMP, mode: 0o120777, compress: false });
  }
  const options = {
    ...STAMP,
    mode: 0o100000 | source.mode,
    size: source.size,
    compressionLevel: COMPRESSION_LEVEL,
  };
  zip.addReadStreamLazy(name, options, (done) => {
    open(name, source).then(
      (stream) => done(null, stream),
      (error: Error) => done(error, new PassThrough()),
    );
  });
}

function pathOf(source: Source): string {
  if (source.kind !== 'file') throw new TypeError(`no file: ${source.kind}`);
  return source.tempPath;
}
