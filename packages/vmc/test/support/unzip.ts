import { text } from 'node:stream/consumers';
import { fromBufferPromise } from 'yauzl';

/** One entry of a zip: its Unix mode and its text. */
export interface Unzipped {
  mode: number;
  text: string;
}

/** All entries of a zip by name. */
export async function unzip(bytes: Buffer): Promise<Record<string, Unzipped>> {
  const zip = await fromBufferPromise(bytes, { lazyEntries: true });
  const found: Record<string, Unzipped> = {};
  await new Promise<void>((resolve, reject) => {
    zip.on('end', resolve);
    zip.on('error', reject);
    zip.on('entry', (entry) => {
      zip
        .openReadStreamPromise(entry)
        .then(async (stream) => {
          const mode = entry.externalFileAttributes >>> 16;
          found[entry.fileName] = { mode, text: await text(stream) };
          zip.readEntry();
        })
        .catch(reject);
    });
    zip.readEntry();
  });
  return found;
}

/** Fields of a multipart form in their order. */
export function formFields(body: Buffer, contentType: string): { name: string; value: Buffer }[] {
  const boundary = /boundary=(.+)$/.exec(contentType)?.[1] ?? '';
  const whole = body.toString('latin1');
  return whole
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const headEnd = part.indexOf('\r\n\r\n');
      const name = /name="([^"]+)"/.exec(part)?.[1] ?? '';
      return { name, value: Buffer.from(part.slice(headEnd + 4, -2), 'latin1') };
    });
}
