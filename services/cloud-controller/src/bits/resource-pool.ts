import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Blobstore } from '@vcap/blobstore';
import { ApiError } from '../errors.ts';
import type { ResourceEntry } from '../ports.ts';
import { quote } from './file-tree.ts';
import { inLanes } from './in-lanes.ts';

/** Sizes in bytes, inclusive, of the files that are worth keeping. */
export interface PoolLimits {
  minBytes: number;
  maxBytes: number;
}

/**
 * Files that an organization uploaded before, by sha1. Each organization has its own: knowing a hash is not enough
 * to read another's file.
 */
export class ResourcePool {
  readonly #blobstore: Blobstore;
  readonly #limits: PoolLimits;

  constructor(blobstore: Blobstore, limits: PoolLimits) {
    this.#blobstore = blobstore;
    this.#limits = limits;
  }

  /** The entries as they were given whose content is known; malformed ones are not. */
  async match(orgGuid: string, list: ResourceEntry[]): Promise<ResourceEntry[]> {
    const known = new Set<ResourceEntry>();
    await inLanes(list, 32, async (entry) => {
      const { sha1, size } = entry;
      if (/^[0-9a-f]{40}$/i.test(sha1) && (await this.has(orgGuid, sha1.toLowerCase(), size)))
        known.add(entry);
    });
    return list.filter((entry) => known.has(entry));
  }

  /** Whether files of that size are kept. */
  keeps(size: number): boolean {
    return size >= this.#limits.minBytes && size <= this.#limits.maxBytes;
  }

  async has(orgGuid: string, sha1: string, size: number): Promise<boolean> {
    if (!this.keeps(size)) return false;
    return (await this.#blobstore.head(keyOf(orgGuid, sha1)))?.size === size;
  }

  /** Takes a hashed file over. Not made durable: whoever reads it checks it. */
  async admit(orgGuid: string, sha1: string, size: number, path: string): Promise<void> {
    if (!this.keeps(size) || (await this.has(orgGuid, sha1, size))) return;
    await this.#blobstore.putFile(keyOf(orgGuid, sha1), path, { durable: false });
  }

  /** Content that is hashed on its way; a spoilt file leaves the pool and fails the upload, so that it is sent anew. */
  async openChecked(
    orgGuid: string,
    { sha1, size }: { sha1: string; size: number },
    name: string,
  ): Promise<Readable> {
    const body = await this.#open(orgGuid, { sha1, size }, name);
    const spoilt = (): Promise<never> => this.#spoilt(orgGuid, sha1, name);
    const stream = Readable.from(checked(body, sha1, spoilt), { objectMode: false });
    // The generator does not see to it when it never began.
    return stream.once('close', () => body.destroy());
  }

  /** As openChecked, for content that fits into memory. */
  async readChecked(orgGuid: string, source: { sha1: string; size: number }, name: string): Promise<Buffer> {
    const body = await this.#open(orgGuid, source, name);
    const content = Buffer.concat((await body.toArray()) as Buffer[]);
    const same = createHash('sha1').update(content).digest('hex') === source.sha1;
    return same ? content : this.#spoilt(orgGuid, source.sha1, name);
  }

  async #open(
    orgGuid: string,
    { sha1, size }: { sha1: string; size: number },
    name: string,
  ): Promise<Readable> {
    const blob = await this.#blobstore.open(keyOf(orgGuid, sha1));
    if (blob?.size === size) return blob.body;
    blob?.body.destroy();
    throw new ApiError(402, `the known content of ${quote(name)} is gone; push again`);
  }

  async #spoilt(orgGuid: string, sha1: string, name: string): Promise<never> {
    await this.#blobstore.delete(keyOf(orgGuid, sha1));
    throw new ApiError(402, `the known content of ${quote(name)} was damaged; push again`);
  }
}

async function* checked(body: Readable, sha1: string, spoilt: () => Promise<never>): AsyncGenerator<Buffer> {
  const hash = createHash('sha1');
  for await (const chunk of body) {
    hash.update(chunk as Buffer);
    yield chunk as Buffer;
  }
  if (hash.digest('hex') !== sha1) await spoilt();
}

function keyOf(orgGuid: string, sha1: string): string {
  return `resources/${orgGuid}/${sha1}`;
}
