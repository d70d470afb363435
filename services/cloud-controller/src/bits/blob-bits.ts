import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { Blobstore } from '@vcap/blobstore';
import type { Logger } from '@vcap/bus';
import type { AppRecord, Bits, PackageFiles, ResourceEntry } from '../ports.ts';
import { Droplets } from './droplets.ts';
import { FileLists } from './file-list.ts';
import { PackageMaker } from './packages.ts';
import type { PackageLimits } from './packages.ts';
import { ResourcePool } from './resource-pool.ts';
import type { PoolLimits } from './resource-pool.ts';
import type { WorkDirs } from './work-dirs.ts';

/** What the bits are made of. Sizes in bytes. */
export interface BlobBitsParts {
  blobstore: Blobstore;
  workDirs: WorkDirs;
  packages: PackageLimits;
  mostDropletBytes: number;
  pool: PoolLimits;
  log: Logger;
}

/** Keeps applications' bits in a blobstore. */
export class BlobBits implements Bits {
  readonly #blobstore: Blobstore;
  readonly #workDirs: WorkDirs;
  readonly #pool: ResourcePool;
  readonly #maker: PackageMaker;
  readonly #droplets: Droplets;
  readonly #lists: FileLists;

  constructor({ blobstore, workDirs, packages, mostDropletBytes, pool, log }: BlobBitsParts) {
    this.#blobstore = blobstore;
    this.#workDirs = workDirs;
    this.#pool = new ResourcePool(blobstore, pool);
    this.#lists = new FileLists(blobstore);
    this.#maker = new PackageMaker({
      blobstore,
      pool: this.#pool,
      lists: this.#lists,
      limits: packages,
      log,
    });
    this.#droplets = new Droplets(blobstore, mostDropletBytes);
  }

  match(orgGuid: string, list: ResourceEntry[]): Promise<ResourceEntry[]> {
    return this.#pool.match(orgGuid, list);
  }

  upload(app: AppRecord, request: IncomingMessage): Promise<{ sha1: string }> {
    return this.#workDirs.use((folder) => this.#maker.make(packageKey(app.guid), app, request, folder));
  }

  async packageFiles(app: AppRecord): Promise<PackageFiles | undefined> {
    return app.packageHash === null ? undefined : this.#lists.read(app.guid, app.packageHash);
  }

  async openPackage(appGuid: string): Promise<{ size: number; body: Readable } | undefined> {
    return isName(appGuid) ? this.#blobstore.open(packageKey(appGuid)) : undefined;
  }

  storeDroplet(
    app: { guid: string; dropletHash: string | null },
    request: IncomingMessage,
    expectedSha1: string | undefined,
  ): Promise<{ sha1: string }> {
    return this.#workDirs.use((folder) => this.#droplets.store(app, request, expectedSha1, folder));
  }

  async openDroplet(appGuid: string, sha1: string): Promise<{ size: number; body: Readable } | undefined> {
    return isName(appGuid) && isName(sha1) ? this.#droplets.open(appGuid, sha1) : undefined;
  }

  async deleteApp(appGuid: string): Promise<void> {
    await this.#blobstore.delete(packageKey(appGuid));
    await this.#lists.delete(appGuid);
    await this.#droplets.deleteAll(appGuid);
  }
}

/** Paths of requests reach here: what cannot be a name is simply not there. */
function isName(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,100}$/.test(text);
}

function packageKey(appGuid: string): string {
  return `packages/${appGuid}`;
}
