import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Blobstore } from '@vcap/blobstore';
import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { withDeadline } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { Job as JobView, Snapshot } from '@vcap/service-api';
import { Queue } from 'bullmq';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { GatewayConfig } from '../gateway/config.ts';
import type { ServiceHandle } from '../gateway/handle-cache.ts';
import { nodeOf } from '../gateway/provisioner.ts';
import { checkUrl, hostAndPort } from './fetch-file.ts';
import { jobDataSchema } from './job-data.ts';
import type { ImportLimits, JobData } from './job-data.ts';
import { viewOf } from './job-view.ts';
import { connectRedis, jobPrefix, queueName, within } from './redis.ts';
import { shown, SnapshotStore } from './snapshot-store.ts';
import type { SnapshotRecord } from './snapshot-store.ts';

const redisMs = 5000;
const closeMs = 1000;
const uploadKeptMs = 24 * 60 * 60 * 1000;

type Plan = GatewayConfig['plan_management']['plans'][string];

export interface LifecycleOptions {
  config: GatewayConfig;
  redisUri: string;
  store: Blobstore;
  clock: Clock;
  log: Logger;
  serviceName: string;
  /** Address of a serialized file, with words in %{}. */
  urlTemplate: () => string;
}

/** The gateway's half of snapshots and jobs: what is long goes to the node's queue, what is short is answered here. */
export class Lifecycle implements Member {
  readonly name = 'lifecycle';
  readonly #options: LifecycleOptions;
  readonly #queues = new Map<string, Queue>();
  #redis: Redis | undefined;
  #snapshots: SnapshotStore | undefined;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#redis = connectRedis(this.#options.redisUri, this.#options.log, false);
    this.#snapshots = new SnapshotStore(this.#redis);
  }

  async stop(): Promise<void> {
    const closed = Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    await within(this.#options.clock, closeMs, closed);
    this.#redis?.disconnect();
  }

  async list(instance: ServiceHandle): Promise<Snapshot[]> {
    this.#check(instance, 'snapshot');
    return (await this.#ask((store) => store.list(instance.service_id))).map(shown);
  }

  async details(instance: ServiceHandle, id: string): Promise<Snapshot> {
    this.#check(instance, 'snapshot');
    return shown(await this.#ask((store) => store.get(instance.service_id, id)));
  }

  async rename(instance: ServiceHandle, id: string, name: string): Promise<void> {
    this.#check(instance, 'snapshot');
    await this.#ask((store) => store.set(instance.service_id, id, 'name', name));
  }

  async create(instance: ServiceHandle): Promise<JobView> {
    this.#check(instance, 'snapshot');
    return this.#enqueue(instance, { operation: 'create_snapshot', ...(await this.#fresh(instance)) });
  }

  async rollback(instance: ServiceHandle, id: string): Promise<JobView> {
    this.#check(instance, 'snapshot');
    return this.#enqueue(instance, { operation: 'rollback_snapshot', ...(await this.#known(instance, id)) });
  }

  async remove(instance: ServiceHandle, id: string): Promise<JobView> {
    this.#check(instance, 'snapshot');
    return this.#enqueue(instance, { operation: 'delete_snapshot', ...(await this.#known(instance, id)) });
  }

  async createUrl(instance: ServiceHandle, id: string): Promise<JobView> {
    this.#check(instance, 'serialization');
    const known = await this.#known(instance, id);
    const url = this.#url(instance.service_id, id);
    return this.#enqueue(instance, { operation: 'create_serialized_url', ...known, url });
  }

  /** 30300 while none was created. */
  async url(instance: ServiceHandle, id: string): Promise<string> {
    this.#check(instance, 'serialization');
    const { token } = await this.#ask((store) => store.get(instance.service_id, id));
    if (token === undefined)
      throw new ServiceError(serviceErrors.notFound, `serialized URL of snapshot ${id}`);
    return this.#url(instance.service_id, id).replaceAll('%{token}', token);
  }

  async importUrl(instance: ServiceHandle, url: string): Promise<JobView> {
    this.#check(instance, 'serialization');
    const limits = this.#limits();
    checkUrl(url, limits.allowed_hosts);
    return this.#enqueue(instance, {
      operation: 'import_from_url',
      ...(await this.#fresh(instance)),
      url,
      limits,
    });
  }

  async importData(instance: ServiceHandle, data: Buffer): Promise<JobView> {
    this.#check(instance, 'serialization');
    const { config, store, serviceName } = this.#options;
    if (data.length > config.import.max_inline_bytes) {
      throw new ServiceError(serviceErrors.fileTooLarge, `more than ${config.import.max_inline_bytes} bytes`);
    }
    const fresh = await this.#fresh(instance);
    const folder = `uploads/${serviceName}`;
    const oldest = this.#options.clock.now() - uploadKeptMs;
    for (const { key, changedAt } of await store.list(folder))
      if (changedAt < oldest) await store.delete(key);
    const upload = `${folder}/${randomUUID()}`;
    await store.put(upload, Readable.from([data]));
    return this.#enqueue(instance, {
      operation: 'import_from_data',
      ...fresh,
      upload,
      limits: this.#limits(),
    });
  }

  /** 30300 for jobs of other instances too. */
  async job(instance: ServiceHandle, id: string): Promise<JobView> {
    this.#check(instance, 'job');
    const queue = this.#queue(instance);
    const job = (await this.#within(queue.getJob(id))) as Job | undefined;
    const data = jobDataSchema.safeParse(job?.data);
    if (!job || !data.success || data.data.service_id !== instance.service_id) {
      throw new ServiceError(serviceErrors.notFound, `job ${id}`);
    }
    const state = await this.#within(job.getState());
    // It may have ended since it was read, and then its result is not in what was read.
    const ended = (state === 'completed' || state === 'failed') && job.finishedOn === undefined;
    const latest = ended ? ((await this.#within(queue.getJob(id))) as Job | undefined) : job;
    return viewOf(latest ?? job, state, data.data);
  }

  /** What a download needs, whoever asks. */
  record(serviceId: string, id: string): Promise<SnapshotRecord | undefined> {
    return this.#ask((store) => store.find(serviceId, id));
  }

  /** An instance is gone: its snapshots go too. */
  async forget(serviceId: string): Promise<void> {
    for (const { snapshot_id, file } of await this.#ask((store) => store.list(serviceId))) {
      await this.#ask((store) => store.remove(serviceId, snapshot_id));
      await this.#options.store.delete(file);
    }
  }

  #check(instance: ServiceHandle, what: 'snapshot' | 'serialization' | 'job'): void {
    const lifecycle = this.#plan(instance);
    if (lifecycle?.[what] === undefined || lifecycle.job === undefined) {
      throw new ServiceError(serviceErrors.notEnabled, what);
    }
  }

  async #fresh(instance: ServiceHandle): Promise<Pick<JobData, 'service_id' | 'snapshot_id' | 'quota'>> {
    const snapshot_id = await this.#ask((store) => store.nextId());
    return { service_id: instance.service_id, snapshot_id, quota: this.#quota(instance) };
  }

  async #known(
    instance: ServiceHandle,
    id: string,
  ): Promise<Pick<JobData, 'service_id' | 'snapshot_id' | 'quota'>> {
    const { snapshot_id } = await this.#ask((store) => store.get(instance.service_id, id));
    return { service_id: instance.service_id, snapshot_id, quota: this.#quota(instance) };
  }

  #quota(instance: ServiceHandle): number {
    return this.#plan(instance)?.snapshot?.quota ?? 0;
  }

  #plan(instance: ServiceHandle): Plan['lifecycle'] | undefined {
    const { plan } = instance.configuration;
    const { plans } = this.#options.config.plan_management;
    return typeof plan === 'string' && Object.hasOwn(plans, plan) ? plans[plan]?.lifecycle : undefined;
  }

  async #enqueue(instance: ServiceHandle, data: JobData): Promise<JobView> {
    const job = await this.#within(
      this.#queue(instance).add(data.operation, data, { jobId: randomUUID(), attempts: 1 }),
    );
    return viewOf(job, 'waiting', data);
  }

  #queue(instance: ServiceHandle): Queue {
    const name = queueName(this.#options.serviceName, nodeOf(instance));
    let queue = this.#queues.get(name);
    if (!queue) {
      if (!this.#redis) throw new ServiceError(serviceErrors.unavailable, 'snapshots are starting');
      queue = new Queue(name, { connection: this.#redis, prefix: jobPrefix });
      queue.on('error', () => undefined);
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** What the service itself hands out may come back, to another instance say: it asks for a token. */
  #limits(): ImportLimits {
    const { allowed_hosts, max_bytes, max_redirects, timeout } = this.#options.config.import;
    const own = hostAndPort(new URL(this.#url('x', 'x')));
    return { allowed_hosts: [...allowed_hosts, own], max_bytes, max_redirects, timeout_ms: timeout * 1000 };
  }

  #url(serviceId: string, id: string): string {
    const words: Record<string, string> = {
      '%{service}': this.#options.config.service.name,
      '%{name}': serviceId,
      '%{snapshot_id}': id,
    };
    return this.#options
      .urlTemplate()
      .replaceAll(/%\{(service|name|snapshot_id)\}/g, (word) => words[word] ?? word);
  }

  async #ask<T>(work: (store: SnapshotStore) => Promise<T>): Promise<T> {
    if (!this.#snapshots) throw new ServiceError(serviceErrors.unavailable, 'snapshots are starting');
    return this.#within(work(this.#snapshots));
  }

  /** Redis away is 30600, and soon. */
  async #within<T>(work: Promise<T>): Promise<T> {
    try {
      return await withDeadline(this.#options.clock, redisMs, 'Redis', work);
    } catch (cause) {
      if (cause instanceof ServiceError) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ServiceError(serviceErrors.unavailable, `the job store is away (${why})`, { cause });
    }
  }
}
