import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '@vcap/clock';
import { checkKey, Sha1MismatchError } from '../blobstore.ts';
import type { BlobInfo, Blobstore, PutOptions } from '../blobstore.ts';
import type { S3Config } from '../config.ts';
import { copyToNewFile } from '../copy-to-new-file.ts';
import type { BlobstoreLog } from '../create-blobstore.ts';
import { Measure } from '../measure.ts';
import { readingOf } from './reading.ts';
import { makeClient } from './s3-client.ts';
import { asBlobstoreError, isAbsent, storeError } from './s3-error.ts';
import { sweepUploads } from './sweep-uploads.ts';
import { Turns } from './turns.ts';
import { sendFile, sendStream } from './writing.ts';

/** Large writes at once: each holds a few parts in memory. */
const writesAtOnce = 4;
/** Uploads whose last part is older than this have no writer any more. */
const STALE_MS = 60 * 60 * 1000;
const SWEEP_EVERY_MS = 24 * 60 * 60 * 1000;

/** Blobs in a bucket: an object per key, below the prefix. The store itself sees to it that an object is whole. */
export class S3Blobstore implements Blobstore {
  readonly #config: S3Config;
  readonly #client: S3Client;
  readonly #clock: Clock;
  readonly #log: BlobstoreLog | undefined;
  readonly #turns = new Turns(writesAtOnce);
  /** How errors name the store. */
  readonly #where: string;
  #sweptAt = 0;

  constructor(config: S3Config, { clock, log }: { clock: Clock; log?: BlobstoreLog }) {
    this.#config = config;
    this.#clock = clock;
    this.#log = log;
    this.#client = makeClient(config, clock);
    const host = config.endpoint === undefined ? config.region : new URL(config.endpoint).host;
    this.#where = `the blobstore (bucket ${config.bucket} at ${host})`;
  }

  async put(key: string, source: Readable, { expectedSha1 }: PutOptions = {}): Promise<BlobInfo> {
    const target = this.#target(key);
    const metadata: Record<string, string> = {};
    const measured: BlobInfo = { sha1: '', size: 0 };
    const measure = new Measure((sha1, size) => {
      Object.assign(measured, { sha1, size });
      // Before a small content is sent; in front of a large one it could not be known.
      metadata['sha1'] = sha1;
      const wrong = expectedSha1 !== undefined && expectedSha1.toLowerCase() !== sha1;
      return wrong ? new Sha1MismatchError(expectedSha1, sha1) : undefined;
    });
    // What breaks either of them breaks the other, and with it the upload.
    pipeline(source, measure, () => undefined);
    try {
      await this.#turns.run(() => this.#do('put', key, () => sendStream(target, measure, metadata)));
    } finally {
      measure.destroy();
    }
    this.#sweepSometimes();
    return measured;
  }

  async putFile(key: string, path: string): Promise<void> {
    const target = this.#target(key);
    await this.#do('put', key, () => sendFile(target, path, (work) => this.#turns.run(work)));
    await rm(path, { force: true });
    this.#sweepSometimes();
  }

  async open(key: string): Promise<{ size: number; body: Readable } | undefined> {
    const target = { Bucket: this.#config.bucket, Key: this.#name(key) };
    const found = await this.#do('get', key, () => orAbsent(this.#client.send(new GetObjectCommand(target))));
    if (!found) return undefined;
    const size = found.ContentLength ?? 0;
    const body = readingOf(found, size, {
      client: this.#client,
      clock: this.#clock,
      bucket: target.Bucket,
      key: target.Key,
      idleMs: this.#config.timeout * 1000,
      resumes: this.#config.attempts - 1,
      failure: (error) => storeError(error, this.#where, `get ${key}`),
    });
    return { size, body };
  }

  async copyToFile(key: string, path: string): Promise<boolean> {
    const found = await this.open(key);
    if (!found) return false;
    await copyToNewFile(found.body, path);
    return true;
  }

  async head(key: string): Promise<{ size: number } | undefined> {
    const target = { Bucket: this.#config.bucket, Key: this.#name(key) };
    const found = await this.#do('head', key, () =>
      orAbsent(this.#client.send(new HeadObjectCommand(target))),
    );
    return found && { size: found.ContentLength ?? 0 };
  }

  async delete(key: string): Promise<void> {
    const target = { Bucket: this.#config.bucket, Key: this.#name(key) };
    await this.#do('delete', key, () => orAbsent(this.#client.send(new DeleteObjectCommand(target))));
  }

  async list(prefix?: string): Promise<{ key: string; changedAt: number }[]> {
    const { bucket } = this.#config;
    const before = prefix === undefined ? this.#prefix : `${this.#name(prefix)}/`;
    return this.#do('list', prefix ?? 'all', async () => {
      const listed: { key: string; changedAt: number }[] = [];
      const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: bucket, Prefix: before });
      for await (const page of pages)
        for (const { Key, LastModified } of page.Contents ?? [])
          if (Key !== undefined)
            listed.push({ key: Key.slice(this.#prefix.length), changedAt: LastModified?.getTime() ?? 0 });
      return listed;
    });
  }

  get #prefix(): string {
    return this.#config.prefix === undefined ? '' : `${this.#config.prefix}/`;
  }

  #name(key: string): string {
    return this.#prefix + checkKey(key);
  }

  #target(key: string): { client: S3Client; bucket: string; key: string } {
    return { client: this.#client, bucket: this.#config.bucket, key: this.#name(key) };
  }

  async #do<T>(what: string, key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw asBlobstoreError(error, this.#where, `${what} ${key}`);
    }
  }

  /** Beside a write and not by a timer: who never writes leaves nothing. */
  #sweepSometimes(): void {
    const now = this.#clock.now();
    if (now - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = now;
    const what = { bucket: this.#config.bucket, prefix: this.#prefix, olderThanMs: now - STALE_MS };
    void sweepUploads(this.#client, what).then(
      (swept) => swept > 0 && this.#log?.info({ event: 'blobstore-uploads-swept', swept }),
      (error: unknown) => {
        const err = storeError(error, this.#where, 'sweep of unfinished uploads');
        this.#log?.warn({ event: 'blobstore-uploads-not-swept', err });
      },
    );
  }
}

async function orAbsent<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
