import { crc32 } from 'node:zlib';

/** One entry as it is written, whatever it says. */
export interface ZipEntry {
  name: string;
  content?: string;
  /** Unix mode with file type; an ordinary file by default. */
  mode?: number;
  /** Uncompressed size to state in place of the real one. */
  statedSize?: number;
}

/** Writes an archive of stored entries without any check: evil ones are what it is for. */
export function makeZip(entries: ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content = '', mode = 0o100644, statedSize } of entries) {
    const path = Buffer.from(name);
    const data = Buffer.from(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(statedSize ?? data.length, 18);
    common.writeUInt16LE(path.length, 22);
    const header = Buffer.concat([Buffer.from('PK\x03\x04'), common, path, data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(mode * 0x10000, 6);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x03'), common, tail, path]));
    files.push(header);
    offset += header.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, central, end]);
}

const BOUNDARY = 'vcap-e2e-boundary';
/** The header that goes with `makeForm`. */
export const formHeaders = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };

/** A form as vmc uploads it. */
export function makeForm(archive: Buffer | undefined, resources: unknown): Buffer {
  const part = (disposition: string, content: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`),
      content,
      Buffer.from('\r\n'),
    ]);
  const text = typeof resources === 'string' ? resources : JSON.stringify(resources);
  return Buffer.concat([
    part('name="resources"', Buffer.from(text)),
    ...(archive ? [part('name="application"; filename="a.zip"', archive)] : []),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);
}
