import type { Clock } from './clock.ts';

export interface RetryOptions {
  /** Tries in all, the first included. */
  attempts: number;
  /** Pause before the second try. */
  delayMs: number;
  /** The pause grows by this factor; 1 keeps it. */
  factor?: number;
}

/** Calls `fn` (attempt counted from 1) until it resolves; the last failure is the one that is thrown. */
export async function retry<T>(
  clock: Clock,
  options: RetryOptions,
  fn: (attempt: number) => Promise<T>,
): Promise<T> {
  let delayMs = options.delayMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(attempt);
    } catch (error) {
      if (attempt >= options.attempts) throw error;
      await clock.sleep(delayMs);
      delayMs *= options.factor ?? 1;
    }
  }
}
