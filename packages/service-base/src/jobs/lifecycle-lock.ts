import { randomBytes } from 'node:crypto';
import type { Clock } from '@vcap/clock';
import type { Redis } from 'ioredis';

const RENEW = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) else return 0 end`;
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end`;

export interface HeldLock {
  /** Aborts when the lock was lost: somebody else may work now. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

/** One job per instance, over all workers. The lock of a dead worker ends by itself. */
export class LifecycleLock {
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #ttlMs: number;

  constructor(options: { redis: Redis; clock: Clock; ttlMs: number }) {
    this.#redis = options.redis;
    this.#clock = options.clock;
    this.#ttlMs = options.ttlMs;
  }

  /** Undefined when another one has it. */
  async take(serviceId: string): Promise<HeldLock | undefined> {
    const key = `lock:lifecycle:${serviceId}`;
    const owner = randomBytes(16).toString('hex');
    if ((await this.#redis.set(key, owner, 'PX', this.#ttlMs, 'NX')) !== 'OK') return undefined;
    const lost = new AbortController();
    let renewedAt = this.#clock.monotonic();
    const renew = async (): Promise<void> => {
      const before = this.#clock.monotonic();
      const kept = await this.#redis.eval(RENEW, 1, key, owner, this.#ttlMs).catch(() => undefined);
      if (kept === 1) renewedAt = before;
      else if (kept === 0 || this.#clock.monotonic() - renewedAt > this.#ttlMs) {
        lost.abort(new Error('the lock of the instance was lost'));
      }
    };
    const timer = this.#clock.setInterval(() => void renew(), this.#ttlMs / 4);
    return {
      signal: lost.signal,
      release: async () => {
        timer.cancel();
        await this.#redis.eval(RELEASE, 1, key, owner).catch(() => undefined);
      },
    };
  }
}
