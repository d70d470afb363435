import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Blobstore } from '@vcap/blobstore';
import type { Clock } from '@vcap/clock';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { NodeContext } from '../node/context.ts';
import { dumpOf, loadFrom } from '../node/dumps.ts';
import type { Instance, JobWork } from '../node/types.ts';
import { openArchive, serialize } from './archive.ts';
import { fetchFile } from './fetch-file.ts';
import type { JobData } from './job-data.ts';
import { shown } from './snapshot-store.ts';
import type { SnapshotRecord, SnapshotStore } from './snapshot-store.ts';

const megabyte = 1024 * 1024;

export interface SnapshotJobsOptions {
  context: NodeContext;
  snapshots: SnapshotStore;
  store: Blobstore;
  clock: Clock;
  /** Holds files while they are unpacked. */
  workDir: string;
}

/** Where a snapshot's file lies. */
export function snapshotKey(serviceName: string, serviceId: string, snapshotId: string): string {
  return `snapshots/${serviceName}/${serviceId}/${snapshotId}`;
}

/** What each lifecycle job does. Each can be begun again after a crash at any line, and ends the same. */
export class SnapshotJobs {
  readonly #options: SnapshotJobsOptions;

  constructor(options: SnapshotJobsOptions) {
    this.#options = options;
  }

  /** The job's result for the user. */
  async run(data: JobData, work: JobWork): Promise<Record<string, unknown>> {
    const { context } = this.#options;
    const instance = context.registry.instance(data.service_id);
    if (!instance) throw context.node.instanceNotFound(data.service_id);
    switch (data.operation) {
      case 'create_snapshot':
        return this.#create(data, instance, work);
      case 'rollback_snapshot':
        return this.#rollback(data, instance, work);
      case 'delete_snapshot':
        return this.#delete(data);
      case 'create_serialized_url':
        return this.#serializedUrl(data);
      case 'import_from_url':
        return this.#import(data, async (path) => {
          const onBytes = (bytes: number): void => work.progress(`Fetched ${megabytes(bytes)}`);
          await fetchFile(data.url, path, data.limits, { signal: work.signal, onBytes });
        });
      default:
        return this.#importUpload(data, work);
    }
  }

  async #create(data: JobData, instance: Instance, work: JobWork): Promise<Record<string, unknown>> {
    const { context, snapshots, store } = this.#options;
    const { node } = context;
    const { service_id, snapshot_id } = data;
    const done = await snapshots.find(service_id, snapshot_id);
    if (done) return shown(done);
    await this.#checkQuota(data);
    const date = new Date(this.#options.clock.now());
    const dump = dumpOf(node, instance, work);
    const abort = (): void => void dump.destroy(work.signal.reason as Error);
    work.signal.addEventListener('abort', abort);
    const { zip, size } = serialize(dump, {
      name: `${snapshot_id}${node.dumpSuffix}.gz`,
      date,
      manifest: { version: 1, service_version: instance.version, plan: instance.plan, provider: 'core' },
      onBytes: (bytes) => work.progress(`Saved ${megabytes(bytes)}`),
    });
    const file = this.#key(data);
    try {
      const { sha1 } = await store.put(file, zip);
      return await this.#save(
        data,
        { size: size(), file, sha1, name: `Snapshot ${date.toISOString()}` },
        date,
      );
    } catch (error) {
      await store.delete(file);
      throw error;
    } finally {
      work.signal.removeEventListener('abort', abort);
    }
  }

  async #rollback(data: JobData, instance: Instance, work: JobWork): Promise<Record<string, unknown>> {
    const { context, snapshots } = this.#options;
    const record = await snapshots.get(data.service_id, data.snapshot_id);
    await this.#inWorkDir(async (dir) => {
      const path = join(dir, 'snapshot.zip');
      await this.#copy(record.file, path);
      if ((await sha1Of(path)) !== record.sha1) {
        throw new ServiceError(
          serviceErrors.corruptFile,
          `snapshot ${record.snapshot_id} was changed on disk`,
        );
      }
      const archive = await openArchive(path);
      try {
        work.progress('Loading', 0);
        const content = await archive.content();
        let loaded = 0;
        content.on('data', (chunk: Buffer) => {
          loaded += chunk.length;
          work.progress('Loading', Math.min(99, Math.floor((loaded * 100) / Math.max(1, archive.size))));
        });
        content.pause();
        await context.lanes.run(instance.name, () => loadFrom(context.node, instance, content, work));
      } finally {
        archive.close();
      }
    });
    return { result: 'ok' };
  }

  async #delete(data: JobData): Promise<Record<string, unknown>> {
    const { snapshots, store } = this.#options;
    const record = await snapshots.find(data.service_id, data.snapshot_id);
    await snapshots.remove(data.service_id, data.snapshot_id);
    await store.delete(record?.file ?? this.#key(data));
    return { result: 'ok' };
  }

  async #serializedUrl(
    data: Extract<JobData, { operation: 'create_serialized_url' }>,
  ): Promise<Record<string, unknown>> {
    const { snapshots } = this.#options;
    const record = await snapshots.get(data.service_id, data.snapshot_id);
    const token = record.token ?? randomBytes(24).toString('base64url');
    if (record.token === undefined) await snapshots.set(data.service_id, data.snapshot_id, 'token', token);
    return { url: data.url.replaceAll('%{token}', token) };
  }

  async #importUpload(
    data: Extract<JobData, { operation: 'import_from_data' }>,
    work: JobWork,
  ): Promise<Record<string, unknown>> {
    try {
      return await this.#import(data, (path) => this.#copy(data.upload, path));
    } finally {
      // A job that another worker takes over needs it still.
      if (!work.signal.aborted) await this.#options.store.delete(data.upload);
    }
  }

  /** Checks a file and keeps it as a new snapshot; nothing is loaded before the user rolls back to it. */
  async #import(
    data: Extract<JobData, { limits: unknown }>,
    fetch: (path: string) => Promise<void>,
  ): Promise<Record<string, unknown>> {
    const { snapshots, store, clock } = this.#options;
    const done = await snapshots.find(data.service_id, data.snapshot_id);
    if (done) return shown(done);
    await this.#checkQuota(data);
    return this.#inWorkDir(async (dir) => {
      const path = join(dir, 'import.zip');
      await fetch(path);
      const archive = await openArchive(path);
      try {
        if (archive.size > data.limits.max_bytes) {
          throw new ServiceError(
            serviceErrors.fileTooLarge,
            `more than ${data.limits.max_bytes} bytes of content`,
          );
        }
        // To its end: a broken content shows now, not at the rollback.
        await pipeline(await archive.content(), async (source: AsyncIterable<Buffer>) => {
          for await (const _chunk of source);
        });
        const file = this.#key(data);
        const { sha1 } = await store.put(file, createReadStream(path));
        const date = new Date(clock.now());
        return await this.#save(
          data,
          { size: archive.size, file, sha1, name: `Import ${date.toISOString()}` },
          date,
        );
      } finally {
        archive.close();
      }
    });
  }

  async #save(
    { service_id, snapshot_id }: JobData,
    fields: Pick<SnapshotRecord, 'size' | 'file' | 'sha1' | 'name'>,
    date: Date,
  ): Promise<Record<string, unknown>> {
    const record: SnapshotRecord = { snapshot_id, date: date.toISOString(), ...fields };
    await this.#options.snapshots.save(service_id, record);
    return shown(record);
  }

  async #checkQuota({ service_id, quota }: JobData): Promise<void> {
    const { length } = await this.#options.snapshots.list(service_id);
    if (length >= quota)
      throw new ServiceError(serviceErrors.snapshotQuota, `there are ${length} of ${quota}`);
  }

  async #copy(key: string, path: string): Promise<void> {
    const found = await this.#options.store.copyToFile(key, path);
    if (!found) throw new ServiceError(serviceErrors.notFound, 'the file of the snapshot');
  }

  #key({ service_id, snapshot_id }: JobData): string {
    return snapshotKey(this.#options.context.serviceName, service_id, snapshot_id);
  }

  async #inWorkDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
    const dir = await mkdtemp(join(this.#options.workDir, 'job-'));
    try {
      return await work(dir);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / megabyte).toFixed(1)} MB`;
}

async function sha1Of(path: string): Promise<string> {
  const hash = createHash('sha1');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
