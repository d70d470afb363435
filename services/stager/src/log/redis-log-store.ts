import { Redis } from 'ioredis';
import type { Logger } from '@vcap/bus';
import type { LogStore, StoredLog } from './log-store.ts';

const KEEP_SECONDS = 86_400;
const LEASE_SECONDS = 15;

const logKey = (taskId: string): string => `staging_task_log:${taskId}`;
const metaKey = (taskId: string): string => `staging_task_log_meta:${taskId}`;
const leaseKey = (taskId: string): string => `staging_task:${taskId}`;

/** {@link LogStore} in Redis. Nothing is queued while Redis is away: calls reject at once. */
export class RedisLogStore implements LogStore {
  readonly #redis: Redis;

  constructor(uri: string, log: Logger) {
    this.#redis = new Redis(uri, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: 2000,
      connectTimeout: 2000,
      retryStrategy: (times) => Math.min(times * 100, 2000),
    });
    let reachable = true;
    this.#redis.on('error', (error: Error) => {
      if (reachable) log.warn({ event: 'redis-unreachable', reason: error.message });
      reachable = false;
    });
    this.#redis.on('ready', () => {
      if (!reachable) log.info({ event: 'redis-reachable' });
      reachable = true;
    });
  }

  /** Begins to connect; an absent Redis is tried again for ever and fails nothing. */
  async start(): Promise<void> {
    await this.#redis.connect().catch(() => undefined);
  }

  /** Closes the connection. */
  stop(): void {
    this.#redis.disconnect();
  }

  async open(taskId: string, token: string): Promise<void> {
    await this.#redis.hset(metaKey(taskId), { token, complete: 'false' });
    await this.#redis.expire(metaKey(taskId), KEEP_SECONDS);
  }

  async write(taskId: string, offset: number, bytes: Buffer): Promise<void> {
    // SETRANGE and not APPEND: a try whose answer was lost may be repeated.
    await this.#redis.setrange(logKey(taskId), offset, bytes);
    await this.#redis.expire(logKey(taskId), KEEP_SECONDS);
  }

  async complete(taskId: string): Promise<void> {
    await this.#redis.hset(metaKey(taskId), { complete: 'true' });
    await this.#redis.expire(metaKey(taskId), KEEP_SECONDS);
  }

  async read(taskId: string, offset: number): Promise<StoredLog | undefined> {
    const { token, complete } = await this.#redis.hgetall(metaKey(taskId));
    if (token === undefined) return undefined;
    // A stager that died never says complete, but its lease runs out. Asked before the bytes are
    // read: `complete` must not be newer than they are.
    const done = complete === 'true' || (await this.#redis.exists(leaseKey(taskId))) === 0;
    const bytes = await this.#redis.getrangeBuffer(logKey(taskId), offset, -1);
    return { token, complete: done, bytes };
  }

  async lease(taskId: string, owner: string): Promise<void> {
    await this.#redis.set(leaseKey(taskId), owner, 'EX', LEASE_SECONDS);
  }

  async release(taskId: string): Promise<void> {
    await this.#redis.del(leaseKey(taskId));
  }
}
