import { createWriteStream } from 'node:fs';
import { lstat, readFile, readdir, readlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';

/** Zips a directory as vmc does: links as links, modes kept. */
export const zipDirectory = async (dir: string, zip: string): Promise<void> => {
  const archive = new ZipFile();
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(dir, path);
    const { mode } = await lstat(path);
    if (entry.isSymbolicLink()) archive.addBuffer(Buffer.from(await readlink(path)), name, { mode });
    else if (entry.isDirectory()) archive.addEmptyDirectory(name, { mode });
    else archive.addFile(path, name, { mode });
  }
  archive.end();
  await pipeline(archive.outputStream, createWriteStream(zip));
};

/** One entry of a hand-made zip; `mode` includes the file type. */
export interface ZipEntry {
  readonly name: string;
  readonly text: string;
  readonly mode?: number;
}

/** A name that the writer takes, of the same length as `name`. */
const stand = (index: number, name: string): string => `${index}`.padEnd(Buffer.byteLength(name), 'x');

/** Writes a zip of entries with any names: they are put in after the writer has checked others. */
export const zipEntries = async (zip: string, entries: readonly ZipEntry[]): Promise<void> => {
  const archive = new ZipFile();
  entries.forEach(({ name, text, mode = 0o100644 }, index) => {
    archive.addBuffer(Buffer.from(text), stand(index, name), { mode, compress: false });
  });
  archive.end();
  await pipeline(archive.outputStream, createWriteStream(zip));
  let bytes = (await readFile(zip)).toString('latin1');
  entries.forEach(({ name }, index) => {
    bytes = bytes.replaceAll(stand(index, name), Buffer.from(name).toString('latin1'));
  });
  await writeFile(zip, Buffer.from(bytes, 'latin1'));
};
