import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { PassThrough, Transform } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { FileTree, Source } from './file-tree.ts';

/** One time for all entries, so that the archive depends on nothing but names, modes and content. */
const mtime = new Date(2000, 0, 1);
/** Packages are unpacked once or twice: speed before size. */
const compressionLevel = 1;

export type OpenPooled = (source: Extract<Source, { kind: 'pooled' }>, path: string) => Promise<Readable>;

/** Writes the tree as a zip file and answers its sha1. Pooled content is opened only when its turn comes. */
export async function writePackage(tree: FileTree, path: string, openPooled: OpenPooled): Promise<string> {
  const zip = new ZipFile();
  const failed = new Promise<never>((_resolve, reject) => {
    zip.on('error', reject);
  });
  for (const [name, source] of tree.entries()) addEntry(zip, name, source, openPooled);
  zip.end();
  const hash = createHash('sha1');
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const output = zip.outputStream as PassThrough;
  failed.catch((error: Error) => output.destroy(error));
  await pipeline(output, measure, createWriteStream(path, { mode: 0o600 }));
  return hash.digest('hex');
}

function addEntry(zip: ZipFile, name: string, source: Source, openPooled: OpenPooled): void {
  if (source.kind === 'directory') return zip.addEmptyDirectory(name, { mtime, mode: 0o40755 });
  if (source.kind === 'link')
    return zip.addBuffer(Buffer.from(source.target), name, { mtime, mode: 0o120777 });
  const options = { mtime, mode: 0o100000 | source.mode, size: source.size, compressionLevel };
  zip.addReadStreamLazy(name, options, (done) => {
    const opening =
      source.kind === 'file' ? Promise.resolve(createReadStream(source.tempPath)) : openPooled(source, name);
    opening.then(
      (stream) => done(null, stream),
      (error: Error) => done(error, new PassThrough()),
    );
  });
}
