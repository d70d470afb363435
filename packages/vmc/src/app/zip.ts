import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { TreeEntry } from './scan.ts';

const linkMode = 0o120777;

/**
 * Writes a zip of these entries. Permissions are kept, links stay links, and every directory has its own
 * entry, so that the target can put known files into it. Nothing at all becomes one empty placeholder.
 */
export async function writeZip(root: string, entries: readonly TreeEntry[], file: string): Promise<void> {
  const zip = new ZipFile();
  const failed = new Promise<never>((_, reject) => zip.on('error', reject));
  for (const entry of entries) {
    if (entry.kind === 'directory') zip.addEmptyDirectory(entry.path);
    else if (entry.kind === 'link')
      zip.addBuffer(Buffer.from(entry.target), entry.path, { mode: linkMode, compress: false });
    else zip.addFile(join(root, entry.path), entry.path, { mode: 0o100000 | entry.mode, mtime: entry.mtime });
  }
  if (entries.length === 0) zip.addBuffer(Buffer.alloc(0), '.__empty__');
  zip.end();
  const written = pipeline(zip.outputStream, createWriteStream(file, { mode: 0o600 }));
  try {
    await Promise.race([written, failed]);
  } catch (error) {
    (zip.outputStream as NodeJS.ReadableStream & { destroy(): void }).destroy();
    await written.catch(() => undefined);
    throw error;
  }
}
