import type { Endpoint } from '../table/endpoint.ts';

const least = 0.1;

/** The share of its load a backend gets: from a tenth when it comes to all of it when its slow start is over. */
export function weightOf(endpoint: Endpoint, now: number, slowStartMs: number): number {
  const age = now - endpoint.since;
  if (age >= slowStartMs) return 1;
  return Math.max(least, age / slowStartMs);
}
