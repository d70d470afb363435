import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { appPath } from '../api/apps.ts';
import type { Client } from '../api/client.ts';
import { formatBytes } from '../ui/format.ts';
import type { Ui } from '../ui/ui.ts';
import { matchResources } from './fingerprint.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { TreeEntry } from './scan.ts';
import { writeZip } from './zip.ts';

/** Sends the bits of an application: asks what the target has, packs the rest, uploads it. */
export async function uploadBits(
  o: { client: Client; ui: Ui; match: boolean },
  name: string,
  root: string,
  entries: readonly TreeEntry[],
): Promise<void> {
  const { client, ui } = o;
  ui.say('Uploading Application:');
  const known = o.match
    ? await ui.step('  Checking for available resources', () => matchResources(client, root, entries))
    : [];
  const knownPaths = new Set(known.map((entry) => entry.fn));
  const scratch = await mkdtemp(join(tmpdir(), 'vmc-'));
  try {
    const zip = join(scratch, 'app.zip');
    const rest = entries.filter((entry) => !knownPaths.has(entry.path));
    await ui.step('  Packing application', () => writeZip(root, rest, zip));
    const { size } = await stat(zip);
    await ui.step(`  Uploading (${formatBytes(size)})`, async (step) => {
      const form = multipart(name, zip, size, known, (sent) => step.progress(bar(sent, size)));
      const response = await client.call({
        method: 'POST',
        path: appPath(name, '/application'),
        headers: { 'Content-Type': form.contentType, Accept: '*/*' },
        body: { stream: form.stream, length: form.length },
        idleMs: 5 * 60_000,
      });
      response.resume();
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The form of an upload as a stream of known length: `_method`, `resources`, `application`, in this order. */
export function multipart(
  name: string,
  zip: string,
  zipBytes: number,
  resources: readonly Fingerprint[],
  onSent: (bytes: number) => void = () => undefined,
): { stream: Readable; length: number; contentType: string } {
  const boundary = `vmc${randomBytes(12).toString('hex')}`;
  const field = (fieldName: string, value: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${fieldName}"\r\n\r\n${value}\r\n`;
  const fileName = name.replaceAll(/[^\w.-]/g, '_');
  const head = Buffer.from(
    `${field('_method', 'put')}${field('resources', JSON.stringify(resources))}` +
      `--${boundary}\r\nContent-Disposition: form-data; name="application"; filename="${fileName}.zip"\r\n` +
      'Content-Type: application/zip\r\n\r\n',
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  async function* parts(): AsyncGenerator<Buffer> {
    yield head;
    let sent = 0;
    for await (const chunk of createReadStream(zip) as AsyncIterable<Buffer>) {
      yield chunk;
      sent += chunk.length;
      onSent(sent);
    }
    yield tail;
  }
  return {
    stream: Readable.from(parts(), { objectMode: false }),
    length: head.length + zipBytes + tail.length,
    contentType: `multipart/form-data; boundary=${boundary}`,
  };
}

function bar(sent: number, total: number): string {
  const share = total === 0 ? 1 : sent / total;
  const full = Math.round(share * 24);
  return `[${'#'.repeat(full)}${'.'.repeat(24 - full)}] ${Math.floor(share * 100)}%`;
}
