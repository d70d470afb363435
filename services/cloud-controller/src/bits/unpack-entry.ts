import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { ApiError } from '../errors.ts';
import { quote } from './file-tree.ts';
import { Meter } from './meter.ts';
import type { Allowance } from './meter.ts';

/** Up to this size, packed and unpacked, content is held in memory: most files are small, and streams are slow for them. */
const SMALL_BYTES = 128 * 1024;
const inflate = promisify(inflateRaw);

/** An open archive: the library's view, and the file itself. */
export interface OpenZip {
  zip: ZipFile;
  handle: FileHandle;
}

/** Whether an entry says that it fits into memory; it is held to that. */
export function isSmall({ compressedSize, uncompressedSize }: Entry): boolean {
  return compressedSize <= SMALL_BYTES && uncompressedSize <= SMALL_BYTES;
}

/** Unpacks an entry into a file. Every byte that comes out is taken from the allowance; the checksum must be right. */
export async function unpackEntry(
  open: OpenZip,
  entry: Entry,
  name: string,
  path: string,
  allowance: Allowance,
): Promise<{ sha1: string; size: number }> {
  if (isSmall(entry)) {
    const content = await readSmall(open, entry, name, allowance);
    await writeFile(path, content, { mode: 0o600 });
    return { sha1: createHash('sha1').update(content).digest('hex'), size: content.length };
  }
  // The bytes that come out count, not what the archive says of itself.
  const meter = new Meter(allowance);
  const content = await open.zip.openReadStreamPromise(entry);
  await pipeline(content, meter, createWriteStream(path, { mode: 0o600 }));
  checkCrc(entry, name, meter.crc32);
  return { sha1: meter.sha1(), size: meter.size };
}

/** The content of a small entry. */
export async function readSmall(
  { zip, handle }: OpenZip,
  entry: Entry,
  name: string,
  allowance: Allowance,
): Promise<Buffer> {
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const packed = Buffer.allocUnsafe(entry.compressedSize);
  const { bytesRead } = await handle.read(packed, 0, packed.length, fileDataStart);
  if (bytesRead !== packed.length) throw new ApiError(402, `${quote(name)} is cut off`);
  const content =
    entry.compressionMethod === 0
      ? packed
      : await inflate(packed, { maxOutputLength: Math.max(1, entry.uncompressedSize) });
  if (content.length !== entry.uncompressedSize) throw new ApiError(402, `${quote(name)} has a wrong size`);
  allowance.take(content.length);
  checkCrc(entry, name, crc32(content));
  return content;
}

function checkCrc(entry: Entry, name: string, actual: number): void {
  if (actual !== entry.crc32) throw new ApiError(402, `${quote(name)} is damaged: wrong checksum`);
}
