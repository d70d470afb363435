import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Blobstore } from '@vcap/blobstore';
import type { Logger } from '@vcap/bus';
import { ApiError } from '../errors.ts';
import type { AppRecord } from '../ports.ts';
import { parseBase } from './file-list.ts';
import type { FileLists, Kept } from './file-list.ts';
import { FileTree, quote } from './file-tree.ts';
import { inLanes } from './in-lanes.ts';
import { allowanceOf } from './meter.ts';
import type { Allowance } from './meter.ts';
import { readForm, saveFile } from './multipart.ts';
import { readZip } from './read-zip.ts';
import { parseResources } from './resource-list.ts';
import type { Resource } from './resource-list.ts';
import type { ResourcePool } from './resource-pool.ts';
import { writePackage } from './write-package.ts';
import { permissions } from './zip-entry.ts';

/** What an archive may need beyond the content of one entry: its headers, names and directory. */
const OVERHEAD_BYTES_PER_ENTRY = 512;

/** What an application may be at most: bytes unpacked, files and folders. */
export interface PackageLimits {
  mostBytes: number;
  mostEntries: number;
}

/** What packages are made with. */
export interface PackageMakerParts {
  blobstore: Blobstore;
  pool: ResourcePool;
  lists: FileLists;
  limits: PackageLimits;
  log: Logger;
}

/** Makes packages from what clients upload and what the pool has. */
export class PackageMaker {
  readonly #blobstore: Blobstore;
  readonly #pool: ResourcePool;
  readonly #lists: FileLists;
  readonly #limits: PackageLimits;
  readonly #log: Logger;

  constructor({ blobstore, pool, lists, limits, log }: PackageMakerParts) {
    this.#log = log;
    this.#blobstore = blobstore;
    this.#pool = pool;
    this.#lists = lists;
    this.#limits = limits;
  }

  /** Reads the upload, writes the package under `key`, and then lets its new files into the pool. */
  async make(
    key: string,
    app: AppRecord,
    request: IncomingMessage,
    workDir: string,
  ): Promise<{ sha1: string }> {
    const { orgGuid } = app;
    const { archive, resources: named, base } = await this.#receive(request, join(workDir, 'upload.zip'));
    const resources = base === undefined ? named : [...named, ...(await this.#kept(app, base))];
    const tree = new FileTree(this.#limits.mostEntries);
    const allowance = allowanceOf(this.#limits.mostBytes);
    await this.#checkPooled(orgGuid, resources, allowance);
    if (archive !== undefined) await readZip(archive, workDir, tree, allowance, this.#limits.mostEntries);
    for (const { fn, size, sha1, mode } of resources) {
      tree.add(fn, { kind: 'pooled', sha1, size, mode: permissions(mode ?? 0) });
    }
    tree.checkLinks();
    const path = join(workDir, 'package.zip');
    const sha1 = await writePackage(tree, path, {
      open: (source, name) => this.#pool.openChecked(orgGuid, source, name),
      read: (source, name) => this.#pool.readChecked(orgGuid, source, name),
    });
    await this.#blobstore.putFile(key, path);
    await this.#lists.write(app.guid, sha1, tree, workDir, (size) => this.#pool.keeps(size));
    await this.#admit(orgGuid, tree);
    return { sha1 };
  }

  async #receive(
    request: IncomingMessage,
    path: string,
  ): Promise<{ archive: string | undefined; resources: Resource[]; base: Kept | undefined }> {
    const { mostBytes, mostEntries } = this.#limits;
    let archive: string | undefined;
    let text: string | undefined;
    let base: Kept | undefined;
    await readForm(request, {
      field: (name, value) => {
        if (name === 'resources') text = value;
        else if (name === 'base') base = parseBase(value);
        else if (name === 'application' && value !== '')
          throw new ApiError(100, 'application must be a file');
      },
      file: async (name, content) => {
        if (name !== 'application') throw new ApiError(100, `unexpected file ${quote(name)}`);
        await saveFile(content, path, allowanceOf(mostBytes, mostEntries * OVERHEAD_BYTES_PER_ENTRY));
        archive = path;
      },
    });
    const resources = parseResources(text, mostEntries);
    if (archive === undefined && resources.length === 0 && base === undefined)
      throw new ApiError(402, 'nothing was uploaded');
    return { archive, resources, base };
  }

  /** The files of the app's present package that the client has still. Throws 402 when that is another package. */
  async #kept(app: AppRecord, base: Kept): Promise<Resource[]> {
    const list =
      app.packageHash === base.package ? await this.#lists.read(app.guid, base.package) : undefined;
    if (!list) throw new ApiError(402, 'the application changed meanwhile; push again');
    const without = new Set(base.without);
    return list.resources.filter(({ fn }) => !without.has(fn));
  }

  /** Before anything is unpacked: a client whose pooled file is gone hears of it soonest. */
  async #checkPooled(orgGuid: string, resources: Resource[], allowance: Allowance): Promise<void> {
    await inLanes(resources, 32, async ({ fn, size, sha1 }) => {
      allowance.take(size);
      if (await this.#pool.has(orgGuid, sha1, size)) return;
      throw new ApiError(402, `no file of that content is known for ${quote(fn)}`);
    });
  }

  /** The package is there already: content of which the pool has no copy is only sent again next time. */
  async #admit(orgGuid: string, tree: FileTree): Promise<void> {
    const files = tree.entries().flatMap(([, source]) => (source.kind === 'file' ? [source] : []));
    try {
      await inLanes(files, 16, ({ sha1, size, tempPath }) => this.#pool.admit(orgGuid, sha1, size, tempPath));
    } catch (err) {
      this.#log.warn({ event: 'resource-pool-not-filled', err });
    }
  }
}
