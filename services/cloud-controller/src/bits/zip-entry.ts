import { getFileNameLowLevel } from 'yauzl';
import type { Entry } from 'yauzl';
import { ApiError } from '../errors.ts';
import { quote } from './file-tree.ts';

const TYPE_MASK = 0o170000;
const TYPES: Record<number, 'directory' | 'link' | 'file'> = {
  0o040000: 'directory',
  0o120000: 'link',
  0o100000: 'file',
  0: 'file',
};
/** Systems (upper byte of "version made by") whose attributes hold a Unix mode: Unix and OS X. */
const UNIX_LIKE = new Set([3, 19]);
/** Deflate cannot pack tighter than about 1032 to 1. */
const MOST_RATIO = 1040;

/** An entry's name without a leading `./` and without the trailing slash of a folder; otherwise unchecked. */
export function nameOf(entry: Entry): string {
  return decodeName(entry)
    .replace(/^(\.\/+)+/, '')
    .replace(/\/+$/, (slashes, at) => (at === 0 ? slashes : ''));
}

/**
 * Names are UTF-8 whether they are marked so or not, as old Ruby and Unix tools write them; what is no UTF-8 is read
 * as the format says.
 */
function decodeName(entry: Entry): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(entry.fileNameRaw);
  } catch {
    return getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  }
}

/** Type and permissions of an entry; throws 402 for what cannot be part of an application or cannot be true. */
export function describeEntry(
  entry: Entry,
  name: string,
): { type: 'directory' | 'link' | 'file'; mode: number } {
  if (entry.isEncrypted()) throw new ApiError(402, `${quote(name)} is encrypted`);
  const { compressionMethod, compressedSize, uncompressedSize } = entry;
  if (compressionMethod !== 0 && compressionMethod !== 8) {
    throw new ApiError(402, `${quote(name)} is packed in a way that is not known (${compressionMethod})`);
  }
  if (uncompressedSize > compressedSize * MOST_RATIO) {
    throw new ApiError(402, `${quote(name)} cannot have the size that the archive says`);
  }
  const unixMode = UNIX_LIKE.has(entry.versionMadeBy >>> 8) ? entry.externalFileAttributes >>> 16 : 0;
  const slash = entry.fileNameRaw.at(-1) === 0x2f;
  const type = slash ? 'directory' : TYPES[unixMode & TYPE_MASK];
  if (type === undefined) throw new ApiError(402, `${quote(name)} is neither file, folder nor link`);
  return { type, mode: permissions(unixMode) };
}

/** Bits for user, group and others (none given: 0644); the owner can always read and write. */
export function permissions(mode: number): number {
  return ((mode & 0o777) === 0 ? 0o644 : mode & 0o777) | 0o600;
}
