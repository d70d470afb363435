import type { Readable } from 'node:stream';
import type { BlobInfo, Blobstore, PutOptions } from './blobstore.ts';

/** A store that is opened when it is first used. */
export class LazyBlobstore implements Blobstore {
  readonly #open: () => Promise<Blobstore>;
  #opened: Promise<Blobstore> | undefined;

  constructor(open: () => Promise<Blobstore>) {
    this.#open = open;
  }

  async put(key: string, source: Readable, options?: PutOptions): Promise<BlobInfo> {
    // Nobody listens to the source while the store is being opened.
    const early: unknown[] = [];
    const note = (error: unknown): void => void early.push(error);
    source.on('error', note);
    const store = await this.#store();
    source.off('error', note);
    if (early.length > 0) throw early[0];
    return store.put(key, source, options);
  }

  async putFile(key: string, path: string, options?: { durable?: boolean | undefined }): Promise<void> {
    await (await this.#store()).putFile(key, path, options);
  }

  async open(key: string): Promise<{ size: number; body: Readable } | undefined> {
    return (await this.#store()).open(key);
  }

  async copyToFile(key: string, path: string): Promise<boolean> {
    return (await this.#store()).copyToFile(key, path);
  }

  async head(key: string): Promise<{ size: number } | undefined> {
    return (await this.#store()).head(key);
  }

  async delete(key: string): Promise<void> {
    await (await this.#store()).delete(key);
  }

  async list(prefix?: string): Promise<{ key: string; changedAt: number }[]> {
    return (await this.#store()).list(prefix);
  }

  #store(): Promise<Blobstore> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }
}
