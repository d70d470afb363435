import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

/** How long to wait and how to name the thing in the error. */
export interface WaitOptions {
  /** Milliseconds until it gives up; 5000 by default. */
  timeoutMs?: number;
  /** What is waited for, in the error's words; the condition's source by default. */
  what?: string;
}

const POLL_MS = 20;

/**
 * Polls `condition` every 20 ms until it gives a truthy value, and gives that value back. A condition that throws has
 * not come true yet. Rejects with an error that says what was waited for and what was seen last.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const timeoutMs = options.timeoutMs ?? 5000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let last: unknown;
    try {
      const value = await condition();
      if (value) return value as Exclude<T, undefined | null | false | 0 | ''>;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadline)
      throw new Error(message(condition, options, timeoutMs, last), { cause: last });
    await sleep(POLL_MS);
  }
}

function message(condition: () => unknown, options: WaitOptions, timeoutMs: number, last: unknown): string {
  const what = options.what ?? condition.toString().replaceAll(/\s+/g, ' ').slice(0, 200);
  const seen =
    last instanceof Error ? `it threw ${last.message}` : inspect(last, { depth: 4, breakLength: 120 });
  return `waited ${timeoutMs} ms for ${what}; last value: ${seen.slice(0, 2000)}`;
}
