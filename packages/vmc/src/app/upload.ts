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
import { ApiError } from '../errors.ts';
import { matchPackage, matchResources } from './fingerprint.ts';
import type { Base, Fingerprint } from './fingerprint.ts';
import type { TreeEntry } from './scan.ts';
import { writeZip } from './zip.ts';

/** Whom to send to, and whether to ask first what is there; `update`: the application has files already. */
export interface UploadOptions {
  client: Client;
  ui: Ui;
  match: boolean;
  update?: boolean;
}

/** What need not be sent. */
interface Known {
  base?: Base;
  resources: Fingerprint[];
  paths: Set<string>;
}

/** Sends the bits of an application: asks what the target has, packs the rest, uploads it. */
export async function uploadBits(
  o: UploadOptions,
  name: string,
  root: string,
  entries: readonly TreeEntry[],
): Promise<void> {
  const { client, ui } = o;
  ui.say('Uploading Application:');
  const known = o.match
    ? await ui.step('  Checking for available resources', () => matchAll(o, name, root, entries))
    : { resources: [], paths: new Set<string>() };
  try {
    await send(o, name, root, entries, known);
  } catch (error) {
    // Somebody else changed the application just now, or the target lost a file: start from nothing.
    if (known.base === undefined || !(error instanceof ApiError) || error.code !== 402) throw error;
    await uploadBits({ client, ui, match: true }, name, root, entries);
  }
}

/** First the application's own package, then the pool for what is new. */
async function matchAll(
  o: UploadOptions,
  name: string,
  root: string,
  entries: readonly TreeEntry[],
): Promise<Known> {
  const own = o.update === true ? await matchPackage(o.client, name, root, entries) : undefined;
  const rest = own === undefined ? entries : entries.filter(({ path }) => !own.kept.has(path));
  const resources = await matchResources(o.client, root, rest);
  const paths = new Set([...(own?.kept ?? []), ...resources.map(({ fn }) => fn)]);
  return { ...(own === undefined ? {} : { base: own.base }), resources, paths };
}

async function send(
  o: UploadOptions,
  name: string,
  root: string,
  entries: readonly TreeEntry[],
  known: Known,
): Promise<void> {
  const { client, ui } = o;
  const scratch = await mkdtemp(join(tmpdir(), 'vmc-'));
  try {
    const zip = join(scratch, 'app.zip');
    const rest = entries.filter((entry) => !known.paths.has(entry.path));
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

/** The form of an upload as a stream of known length: `_method`, `resources`, perhaps `base`, `application`, in this order. */
export function multipart(
  name: string,
  zip: string,
  zipBytes: number,
  known: { resources: readonly Fingerprint[]; base?: Base },
  onSent: (bytes: number) => void = () => undefined,
): { stream: Readable; length: number; contentType: string } {
  const boundary = `vmc${randomBytes(12).toString('hex')}`;
  const field = (fieldName: string, value: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${fieldName}"\r\n\r\n${value}\r\n`;
  const fileName = name.replaceAll(/[^\w.-]/g, '_');
  const head = Buffer.from(
    `${field('_method', 'put')}${field('resources', JSON.stringify(known.resources))}` +
      (known.base === undefined ? '' : field('base', JSON.stringify(known.base))) +
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
