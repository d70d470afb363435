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

  async has(orgGuid: string, sha1: string, size: number): Promise<boolean> {
    return (await this.#blobstore.head(keyOf(orgGuid, sha1)))?.size === size;
  }

  /** Takes a hashed file over. Not made durable: whoever reads it checks it. */
  async admit(orgGuid: string, sha1: string, size: number, path: string): Promise<void> {
    if (size < this.#limits.minBytes || size > this.#limits.maxBytes) return;
    if (await this.has(orgGuid, sha1, size)) return;
    await this.#blobstore.putFile(keyOf(orgGuid, sha1), path, { durable: false });
  }

  /** Content that is hashed on its way; a spoilt file leaves the pool and fails the upload, so that it is sent anew. */
  async openChecked(
    orgGuid: string,
    { sha1, size }: { sha1: string; size: number },
    name: string,
  ): Promise<Readable> {
    const key = keyOf(orgGuid, sha1);
    const blob = await this.#blobstore.open(key);
    if (blob?.size !== size) {
      blob?.body.destroy();
      throw new ApiError(402, `the known content of ${quote(name)} is gone; push again`);
    }
    const { body } = blob;
    const spoilt = async (): Promise<never> => {
      await this.#blobstore.delete(key);
      throw new ApiError(402, `the known content of ${quote(name)} was damaged; push again`);
    };
    const stream = Readable.from(checked(body, sha1, spoilt), { objectMode: false });
    // The generator does not see to it when it never began.
    return stream.once('close', () => body.destroy());
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
