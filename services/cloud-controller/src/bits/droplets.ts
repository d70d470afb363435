import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Blobstore } from '@vcap/blobstore';
import { ApiError } from '../errors.ts';
import { quote } from './file-tree.ts';
import { allowanceOf } from './meter.ts';
import { readForm, saveFile } from './multipart.ts';

const FIELD = 'upload[droplet]';
/** The one that runs and the one that takes its place. */
const KEPT = 2;

/** Keeps the newest droplets of each app, and the one that the database says is running. */
export class Droplets {
  readonly #blobstore: Blobstore;
  readonly #mostBytes: number;

  constructor(blobstore: Blobstore, mostBytes: number) {
    this.#blobstore = blobstore;
    this.#mostBytes = mostBytes;
  }

  /** Takes the form of a stager. Throws 100 when the content is not what `expectedSha1` says; then nothing changed. */
  async store(
    app: { guid: string; dropletHash: string | null },
    request: IncomingMessage,
    expectedSha1: string | undefined,
    workDir: string,
  ): Promise<{ sha1: string }> {
    const path = join(workDir, 'droplet.tgz');
    let sha1: string | undefined;
    await readForm(request, {
      field: () => undefined,
      file: async (name, content) => {
        if (name !== FIELD) throw new ApiError(100, `unexpected file ${quote(name)}`);
        sha1 = await saveFile(content, path, allowanceOf(this.#mostBytes));
      },
    });
    if (sha1 === undefined) throw new ApiError(100, `the file ${FIELD} is missing`);
    if (expectedSha1 !== undefined && expectedSha1.toLowerCase() !== sha1) {
      throw new ApiError(100, `the droplet has sha1 ${sha1}, not ${expectedSha1}`);
    }
    await this.#blobstore.putFile(keyOf(app.guid, sha1), path);
    await this.#dropOld(app.guid, new Set([sha1, app.dropletHash ?? sha1]));
    return { sha1 };
  }

  open(appGuid: string, sha1: string): Promise<{ size: number; body: Readable } | undefined> {
    return this.#blobstore.open(keyOf(appGuid, sha1));
  }

  async deleteAll(appGuid: string): Promise<void> {
    for (const { key } of await this.#blobstore.list(`droplets/${appGuid}`))
      await this.#blobstore.delete(key);
  }

  async #dropOld(appGuid: string, needed: ReadonlySet<string>): Promise<void> {
    const all = await this.#blobstore.list(`droplets/${appGuid}`);
    const old = all
      .filter(({ key }) => !needed.has(key.slice(key.lastIndexOf('/') + 1)))
      .toSorted((a, b) => b.changedAt - a.changedAt)
      .slice(Math.max(0, KEPT - needed.size));
    for (const { key } of old) await this.#blobstore.delete(key);
  }
}

function keyOf(appGuid: string, sha1: string): string {
  return `droplets/${appGuid}/${sha1}`;
}
