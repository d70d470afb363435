import assert from 'node:assert/strict';
import type { Clock } from '@vcap/clock';
import { systemClock } from '@vcap/clock';
import { ServiceError } from '@vcap/service-api';

const pollMs = 20;

/** Waits until `condition` gives a truthy value. */
export async function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
  limitMs = 20_000,
  clock: Clock = systemClock,
): Promise<NonNullable<T>> {
  const end = clock.monotonic() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(clock.monotonic() < end, `waited ${limitMs} ms for ${what}`);
    await clock.sleep(pollMs);
  }
}

/** The work must fail with this code. */
export async function refused(work: Promise<unknown>, code: number): Promise<ServiceError> {
  const outcome = await work.then(
    (value) => `it succeeded with ${JSON.stringify(value)}`,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof ServiceError, `expected the failure ${code}, but: ${String(outcome)}`);
  assert.equal(outcome.code, code, `expected the failure ${code}, but: ${outcome.code} ${outcome.message}`);
  return outcome;
}
