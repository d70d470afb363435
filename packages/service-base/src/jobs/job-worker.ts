import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Blobstore } from '@vcap/blobstore';
import { newTrace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import { DelayedError, UnrecoverableError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { NodeContext } from '../node/context.ts';
import type { JobWork } from '../node/types.ts';
import { jobDataSchema } from './job-data.ts';
import type { JobData, JobProgress } from './job-data.ts';
import { LifecycleLock } from './lifecycle-lock.ts';
import { connectRedis, jobPrefix, queueName, within } from './redis.ts';
import { SnapshotJobs } from './snapshot-jobs.ts';
import { SnapshotStore } from './snapshot-store.ts';

const busyPauseMs = 250;
const progressPauseMs = 500;
const drainMs = 5000;
const closeMs = 1000;
const closePollMs = 20;
const mostTakeovers = 5;
const keepSeconds = 24 * 60 * 60;

/** Takes the lifecycle jobs of this node. A job whose worker died is taken over and begun again. */
export class JobWorker implements Member {
  readonly name = 'jobs';
  readonly #context: NodeContext;
  readonly #clock: Clock;
  readonly #redisUri: string;
  readonly #store: Blobstore;
  readonly #workDir: string;
  /** Since when a job waits for another one of its instance. */
  readonly #waiting = new Map<string, number>();
  #active = 0;
  #redis: Redis | undefined;
  #worker: Worker | undefined;
  #jobs: SnapshotJobs | undefined;
  #lock: LifecycleLock | undefined;
  /** For /varz. */
  readonly counters = { jobs_completed: 0, jobs_failed: 0 };

  constructor(context: NodeContext, options: { redisUri: string; store: Blobstore }) {
    this.#context = context;
    this.#clock = context.clock;
    this.#redisUri = options.redisUri;
    this.#store = options.store;
    const own = `vcap-${context.serviceName}-${context.config.node_id}`;
    this.#workDir = context.config.jobs.work_dir ?? join(tmpdir(), own);
  }

  async start(): Promise<void> {
    const { serviceName, config, log } = this.#context;
    await rm(this.#workDir, { recursive: true, force: true });
    await mkdir(this.#workDir, { recursive: true, mode: 0o700 });
    this.#redis = connectRedis(this.#redisUri, log, true);
    const lockMs = config.jobs.lock * 1000;
    this.#lock = new LifecycleLock({ redis: this.#redis, clock: this.#clock, ttlMs: lockMs });
    this.#jobs = new SnapshotJobs({
      context: this.#context,
      snapshots: new SnapshotStore(this.#redis),
      store: this.#store,
      clock: this.#clock,
      workDir: this.#workDir,
    });
    this.#worker = new Worker(
      queueName(serviceName, config.node_id),
      async (job: Job, token?: string) => {
        this.#active++;
        try {
          return await this.#process(job, token);
        } finally {
          this.#active--;
        }
      },
      {
        connection: this.#redis,
        prefix: jobPrefix,
        concurrency: config.jobs.parallel,
        lockDuration: lockMs,
        stalledInterval: lockMs,
        maxStalledCount: mostTakeovers,
        removeOnComplete: { age: keepSeconds },
        removeOnFail: { age: keepSeconds },
      },
    );
    this.#worker.on('error', (error: Error) => log.warn({ event: 'job-worker-error', why: error.message }));
  }

  /** Jobs that do not end soon are left for the next worker. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker) {
      await worker.pause(true);
      const end = this.#clock.monotonic() + drainMs;
      while (this.#active > 0 && this.#clock.monotonic() < end) await this.#clock.sleep(closePollMs);
      // Without Redis, an orderly end would wait for it for ever.
      const orderly = this.#active === 0 && this.#redis?.status === 'ready';
      await within(this.#clock, closeMs, worker.close(!orderly));
    }
    this.#redis?.disconnect();
    await rm(this.#workDir, { recursive: true, force: true });
  }

  async #process(job: Job, token: string | undefined): Promise<Record<string, unknown>> {
    const data = jobDataSchema.safeParse(job.data);
    if (!data.success) throw failure(new ServiceError(serviceErrors.internal, 'the job cannot be read'));
    const held = await this.#need(this.#lock).take(data.data.service_id);
    if (!held) return this.#wait(job, token);
    this.#waiting.delete(job.id ?? '');
    const { log } = this.#context;
    const fields = { job_id: job.id, operation: data.data.operation, instance: data.data.service_id };
    log.info({ event: 'job-started', ...fields });
    try {
      const result = await this.#run(job, data.data, held.signal);
      this.counters.jobs_completed++;
      log.info({ event: 'job-completed', ...fields });
      return result;
    } catch (error) {
      this.counters.jobs_failed++;
      log.warn({ event: 'job-failed', ...fields, err: error });
      throw failure(error);
    } finally {
      await held.release();
    }
  }

  /** Comes again in a moment, without holding a place; after `lock_wait` seconds it is 30801. */
  async #wait(job: Job, token: string | undefined): Promise<never> {
    const id = job.id ?? '';
    const now = this.#clock.monotonic();
    const since = this.#waiting.get(id) ?? now;
    this.#waiting.set(id, since);
    const limit = this.#context.config.jobs.lock_wait;
    if (now - since > limit * 1000) {
      this.#waiting.delete(id);
      throw failure(new ServiceError(serviceErrors.lockTimeout, `waited ${limit} s`));
    }
    await job.moveToDelayed(this.#clock.now() + busyPauseMs, token);
    throw new DelayedError();
  }

  async #run(job: Job, data: JobData, lost: AbortSignal): Promise<Record<string, unknown>> {
    const { ttl } = this.#context.config.jobs;
    const expired = new AbortController();
    const timer = this.#clock.setTimeout(
      () => expired.abort(new ServiceError(serviceErrors.jobTimeout, `more than ${ttl} s`)),
      ttl * 1000,
    );
    const signal = AbortSignal.any([lost, expired.signal]);
    try {
      return await this.#need(this.#jobs).run(data, this.#work(job, data, signal));
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      timer.cancel();
    }
  }

  #work(job: Job, data: JobData, signal: AbortSignal): JobWork {
    let shownAt = -Infinity;
    const progress = (text: string, percent?: number): void => {
      const now = this.#clock.monotonic();
      if (now - shownAt < progressPauseMs) return;
      shownAt = now;
      const told: JobProgress = { text, ...(percent === undefined ? {} : { percent }) };
      job.updateProgress({ ...told }).catch(() => undefined);
    };
    return { ...this.#context.work(data.operation, signal, newTrace()), progress };
  }

  #need<T>(part: T | undefined): T {
    if (part === undefined) throw new Error('the job worker is not started');
    return part;
  }
}

/** The failure as the gateway will read it. */
function failure(error: unknown): UnrecoverableError {
  const told =
    error instanceof ServiceError
      ? error
      : new ServiceError(serviceErrors.internal, 'see the log of the node');
  return new UnrecoverableError(JSON.stringify(told.body));
}
