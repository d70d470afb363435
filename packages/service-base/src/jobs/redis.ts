import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { Redis } from 'ioredis';

/** Prefix of all keys of BullMQ. */
export const jobPrefix = 'vcap-jobs';

/** Jobs of one node of a service. */
export function queueName(serviceName: string, nodeId: string): string {
  return `${serviceName}-${nodeId}`;
}

/**
 * A connection that comes back by itself. `patient`: commands wait for ever while Redis is away, as BullMQ's workers
 * want it; otherwise they fail after 3 s.
 */
export function connectRedis(uri: string, log: Logger, patient: boolean): Redis {
  const redis = new Redis(uri, {
    lazyConnect: true,
    maxRetriesPerRequest: patient ? null : 2,
    ...(patient ? {} : { commandTimeout: 3000 }),
    connectTimeout: 3000,
    retryStrategy: (times) => Math.min(times * 100, 2000),
  });
  let reachable = true;
  redis.on('error', (error: Error) => {
    if (reachable) log.warn({ event: 'redis-unreachable', why: error.message });
    reachable = false;
  });
  redis.on('ready', () => {
    if (!reachable) log.info({ event: 'redis-reachable' });
    reachable = true;
  });
  redis.connect().catch(() => undefined);
  return redis;
}

/** Waits for something that may never end, such as a farewell to an absent Redis; its failure is no matter. */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  const ended = work.catch(() => undefined).finally(() => done.abort());
  await Promise.race([ended, clock.sleep(ms, done.signal)]);
}
