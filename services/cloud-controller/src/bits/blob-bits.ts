import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { NoSpaceError, Sha1MismatchError } from '@vcap/blobstore';
import type { Blobstore } from '@vcap/blobstore';
import type { Logger } from '@vcap/bus';
import { ApiError } from '../errors.ts';
import type { AppRecord, Bits, ResourceEntry } from '../ports.ts';
import { FileTree } from './file-tree.ts';
import { inBatches } from './in-batches.ts';
import { readForm, saveFile, tooLarge } from './multipart.ts';
import { ResourcePool } from './resource-pool.ts';
import { parseResources } from './resource-list.ts';
import type { Resource } from './resource-list.ts';
import { readZip } from './read-zip.ts';
import { sha1OfFile } from './sha1-of-file.ts';
import { writePackage } from './write-package.ts';

const dropletsKept = 2;

export interface BlobBitsOptions {
  blobstore: Blobstore;
  tmpDir: string;
  log: Logger;
  mostBytes: number;
  mostEntries: number;
}

/** Keeps applications' bits in a blobstore. */
export class BlobBits implements Bits {
  readonly #o: BlobBitsOptions;
  readonly #pool: ResourcePool;

  constructor(options: BlobBitsOptions) {
    this.#o = options;
    this.#pool = new ResourcePool(options.blobstore);
  }

  match(orgGuid: string, list: ResourceEntry[]): Promise<ResourceEntry[]> {
    return this.#pool.match(orgGuid, list);
  }

  async upload(app: AppRecord, request: IncomingMessage): Promise<{ sha1: string }> {
    return this.#inWorkDir(async (workDir) => {
      const { archive, resources } = await this.#receive(request, workDir);
      const tree = new FileTree();
      if (archive !== undefined) {
        const { mostBytes, mostEntries } = this.#o;
        await readZip(archive, workDir, tree, { mostBytes, mostEntries });
      }
      await this.#addPooled(app.orgGuid, resources, tree);
      const path = join(workDir, 'package.zip');
      const sha1 = await writePackage(tree, path, (source, name) =>
        this.#pool.openChecked(app.orgGuid, source, name),
      );
      await this.#admit(app.orgGuid, tree);
      await this.#o.blobstore.putFile(packageKey(app.guid), path);
      return { sha1 };
    });
  }

  openPackage(appGuid: string): Promise<{ size: number; body: Readable } | undefined> {
    return this.#o.blobstore.open(packageKey(appGuid));
  }

  async storeDroplet(
    appGuid: string,
    request: IncomingMessage,
    expectedSha1: string | undefined,
  ): Promise<{ sha1: string }> {
    return this.#inWorkDir(async (workDir) => {
      const path = join(workDir, 'droplet.tgz');
      let received = false;
      await readForm(request, {
        field: () => undefined,
        file: async (name, content) => {
          if (name !== 'upload[droplet]') throw new ApiError(100, `unexpected file ${JSON.stringify(name)}`);
          received = true;
          await saveFile(content, path, Infinity);
        },
      });
      if (!received) throw new ApiError(100, 'the file upload[droplet] is missing');
      const sha1 = await sha1OfFile(path);
      if (expectedSha1 !== undefined && expectedSha1.toLowerCase() !== sha1) {
        throw new ApiError(100, `the droplet has sha1 ${sha1}, not ${expectedSha1}`);
      }
      await this.#o.blobstore.putFile(dropletKey(appGuid, sha1), path);
      await this.#dropOldDroplets(appGuid, sha1);
      return { sha1 };
    });
  }

  openDroplet(appGuid: string, sha1: string): Promise<{ size: number; body: Readable } | undefined> {
    return this.#o.blobstore.open(dropletKey(appGuid, sha1));
  }

  async deleteApp(appGuid: string): Promise<void> {
    const { blobstore } = this.#o;
    await blobstore.delete(packageKey(appGuid));
    for (const { key } of await blobstore.list(`droplets/${appGuid}`)) await blobstore.delete(key);
  }

  async #receive(
    request: IncomingMessage,
    workDir: string,
  ): Promise<{ archive: string | undefined; resources: Resource[] }> {
    let archive: string | undefined;
    let text: string | undefined;
    await readForm(request, {
      field: (name, value) => {
        if (name === 'resources') text = value;
      },
      file: async (name, content) => {
        if (name !== 'application') throw new ApiError(100, `unexpected file ${JSON.stringify(name)}`);
        const path = join(workDir, 'upload.zip');
        await saveFile(content, path, this.#o.mostBytes);
        archive = path;
      },
    });
    const resources = parseResources(text, this.#o.mostEntries);
    if (archive === undefined && resources.length === 0) throw new ApiError(402, 'nothing was uploaded');
    return { archive, resources };
  }

  async #addPooled(orgGuid: string, resources: Resource[], tree: FileTree): Promise<void> {
    let total = 0;
    await inBatches(resources, 32, async ({ fn, size, sha1 }) => {
      total += size;
      if (total > this.#o.mostBytes) throw tooLarge(this.#o.mostBytes);
      if (!(await this.#pool.has(orgGuid, sha1, size))) {
        throw new ApiError(402, `no file of that content is known for ${JSON.stringify(fn.slice(0, 200))}`);
      }
    });
    for (const { fn, size, sha1, mode } of resources) {
      tree.add(fn, { kind: 'pooled', sha1, size, mode: ((mode ?? 0o644) & 0o777) | 0o600 });
    }
  }

  async #admit(orgGuid: string, tree: FileTree): Promise<void> {
    const files = tree.entries().flatMap(([, source]) => (source.kind === 'file' ? [source] : []));
    await inBatches(files, 16, ({ sha1, size, tempPath }) => this.#pool.admit(orgGuid, sha1, size, tempPath));
  }

  async #dropOldDroplets(appGuid: string, newest: string): Promise<void> {
    const { blobstore } = this.#o;
    const all = await blobstore.list(`droplets/${appGuid}`);
    const old = all
      .filter(({ key }) => key !== dropletKey(appGuid, newest))
      .toSorted((a, b) => b.changedAt - a.changedAt)
      .slice(dropletsKept - 1);
    for (const { key } of old) await blobstore.delete(key);
  }

  /** A directory of its own for one upload, gone afterwards whatever happens. */
  async #inWorkDir<T>(work: (workDir: string) => Promise<T>): Promise<T> {
    const workDir = await mkdtemp(join(this.#o.tmpDir, 'upload-'));
    try {
      return await work(workDir);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (error instanceof NoSpaceError || code === 'ENOSPC')
        throw new ApiError(402, 'no space left for the upload');
      if (error instanceof Sha1MismatchError) throw new ApiError(402, error.message);
      throw error;
    } finally {
      await rm(workDir, { recursive: true, force: true }).catch((err: unknown) => {
        this.#o.log.warn({ event: 'upload-directory-not-removed', err });
      });
    }
  }
}

function packageKey(appGuid: string): string {
  return `packages/${appGuid}`;
}

function dropletKey(appGuid: string, sha1: string): string {
  return `droplets/${appGuid}/${sha1}`;
}
