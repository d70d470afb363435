/** A file of the platform's own, or, without text, a directory. */
export interface OwnEntry {
  /** At most 100 characters of ASCII. */
  readonly name: string;
  readonly text?: string | Buffer;
}

const BLOCK_BYTES = 512;

/** The beginning of a tar archive (POSIX ustar) with these entries, owned by root: what comes after may be another one. */
export const tarEntries = (entries: readonly OwnEntry[], mtimeMs: number): Buffer =>
  Buffer.concat(entries.flatMap((entry) => tarEntry(entry, mtimeMs)));

const tarEntry = ({ name, text }: OwnEntry, mtimeMs: number): Buffer[] => {
  const isDirectory = text === undefined;
  const content = isDirectory ? Buffer.alloc(0) : Buffer.from(text);
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(isDirectory ? `${name}/` : name, 0, 100, 'ascii');
  octal(header, 100, 8, isDirectory ? 0o755 : 0o644);
  octal(header, 108, 8, 0);
  octal(header, 116, 8, 0);
  octal(header, 124, 12, content.length);
  octal(header, 136, 12, Math.floor(mtimeMs / 1000));
  header.write(isDirectory ? '5' : '0', 156, 'ascii');
  header.write('ustar\u000000', 257, 'ascii');
  // The sum of the header with blanks in the place of the sum.
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  octal(header, 148, 7, sum);
  return [header, content, Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES)];
};

/** Digits up to a NUL at the end of the field. */
const octal = (header: Buffer, offset: number, length: number, value: number): void => {
  header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'ascii');
};
