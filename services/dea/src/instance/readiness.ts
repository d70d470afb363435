import type { Clock } from '@vcap/clock';
import { probe } from './health-check.ts';
import type { HealthCheck, ProbeTarget } from './health-check.ts';

const FAST_MS = 20;
const FAST_TRIES = 100;
const SLOW_MS = 500;

/**
 * Asks every 20 ms, after 2 s every 500 ms. Undefined when it is ready; at the timeout, or when `signal` aborts, what
 * was seen last.
 */
export async function waitUntilReady(
  clock: Clock,
  check: HealthCheck,
  target: ProbeTarget & { startTimeoutMs: number },
  signal: AbortSignal,
): Promise<string | undefined> {
  const deadline = clock.monotonic() + target.startTimeoutMs;
  let told: string | undefined;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    const asked = clock.monotonic();
    const left = Math.max(1, deadline - asked);
    const seen = await probe(clock, check, { ...target, timeoutMs: Math.min(target.timeoutMs, left) });
    if (seen === undefined) return undefined;
    // One that the deadline cut short (timers may fire 1 ms early) tells less than the one before it saw.
    const cutShort = left < target.timeoutMs && clock.monotonic() - asked >= left - 1;
    if (!cutShort || told === undefined) told = seen;
    const pause = attempt < FAST_TRIES ? FAST_MS : SLOW_MS;
    if (clock.monotonic() + pause > deadline) break;
    await clock.sleep(pause, signal);
  }
  return told ?? 'stopped';
}

/** What a user reads of a start that took too long. */
export function notReadyText(check: HealthCheck, seen: string): string {
  return check.type === 'http'
    ? `failed its health check GET ${check.path} within health check timeout: ${seen}`
    : `failed to accept connections within health check timeout: ${seen}`;
}
