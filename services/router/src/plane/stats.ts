import type { AccessRecord } from '../access-record.ts';
import type { Endpoint } from './table/endpoint.ts';

/** Upper bounds of the histogram's buckets in seconds; the last bucket is without bound. */
export const bucketSeconds = [
  0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const;

/** Classes of status: 2xx to 5xx, and all others. */
export const statusClasses = ['2xx', '3xx', '4xx', '5xx', 'xxx'] as const;

const buckets = bucketSeconds.length + 1;
/** Latencies kept between two reports. */
export const mostSamples = 64;

/** Counts by class and bucket, and some of the latencies themselves. Plain data, so that it goes between processes. */
export interface Tally {
  /** `class × buckets + bucket`. */
  readonly counts: number[];
  /** Seconds by class. */
  readonly seconds: number[];
  /** Latencies in ms: at most 64 between two reports. */
  readonly samples: number[];
}

/** What happened on one backend since the last report. */
export interface EndpointStats {
  readonly app: string | undefined;
  readonly component: string | undefined;
  readonly tally: Tally;
}

/** What happened in a plane since the last report. */
export interface StatsReport {
  readonly total: Tally;
  readonly endpoints: EndpointStats[];
  /** The router's own answers by `X-Cf-RouterError`; `rejected`: those that never were a request. */
  readonly errors: Record<string, number>;
  readonly rejected: number;
  readonly active: number;
  readonly clientConnections: number;
  readonly backendConnections: number;
  readonly accessLogDropped: number;
}

/** An empty tally. */
export function newTally(): Tally {
  return {
    counts: Array.from({ length: statusClasses.length * buckets }, () => 0),
    seconds: statusClasses.map(() => 0),
    samples: [],
  };
}

/** Adds what `from` counted to `to`. */
export function mergeTally(to: Tally, from: Tally): void {
  for (let i = 0; i < to.counts.length; i += 1) to.counts[i] = (to.counts[i] ?? 0) + (from.counts[i] ?? 0);
  for (let i = 0; i < to.seconds.length; i += 1)
    to.seconds[i] = (to.seconds[i] ?? 0) + (from.seconds[i] ?? 0);
}

/** The class of a status, as an index of `statusClasses`. */
export function classOf(status: number): number {
  return status >= 200 && status < 600 ? Math.floor(status / 100) - 2 : 4;
}

function bucketOf(ms: number): number {
  let bucket = 0;
  while (bucket < bucketSeconds.length && ms > (bucketSeconds[bucket] as number) * 1000) bucket += 1;
  return bucket;
}

/** Counts finished requests without a hash or an allocation for each. */
export class PlaneStats {
  #total = newTally();
  #touched: EndpointStats[] = [];
  #endpoints: Endpoint[] = [];
  #errors: Record<string, number> = {};
  #rejected = 0;

  /** Counts a finished request. */
  finished(record: AccessRecord, endpoint: Endpoint | undefined): void {
    const { responseTimeMs, routerError } = record;
    const kind = classOf(record.status);
    const slot = kind * buckets + bucketOf(responseTimeMs);
    count(this.#total, slot, kind, responseTimeMs);
    if (routerError !== undefined) this.#errors[routerError] = (this.#errors[routerError] ?? 0) + 1;
    if (endpoint === undefined) return;
    count((endpoint.stats ?? this.#touch(endpoint)).tally, slot, kind, responseTimeMs);
  }

  /** Counts a connection that was refused before there was a request. */
  rejected(code: string): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
    this.#rejected += 1;
  }

  /** All since the last report; counting begins anew. */
  take(): Pick<StatsReport, 'total' | 'endpoints' | 'errors' | 'rejected'> {
    const report = {
      total: this.#total,
      endpoints: this.#touched,
      errors: this.#errors,
      rejected: this.#rejected,
    };
    for (const endpoint of this.#endpoints) endpoint.stats = undefined;
    this.#total = newTally();
    this.#touched = [];
    this.#endpoints = [];
    this.#errors = {};
    this.#rejected = 0;
    return report;
  }

  #touch(endpoint: Endpoint): EndpointStats {
    const { app, component } = endpoint.facts;
    const stats = { app, component, tally: newTally() };
    endpoint.stats = stats;
    this.#touched.push(stats);
    this.#endpoints.push(endpoint);
    return stats;
  }
}

function count(tally: Tally, slot: number, kind: number, ms: number): void {
  tally.counts[slot] = (tally.counts[slot] as number) + 1;
  tally.seconds[kind] = (tally.seconds[kind] as number) + ms / 1000;
  if (tally.samples.length < mostSamples) tally.samples.push(ms);
}
