import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client';
import { bucketSeconds, mergeTally, newTally, statusClasses } from '../plane/stats.ts';
import type { Tally } from '../plane/stats.ts';

const buckets = bucketSeconds.length + 1;
const name = 'router_app_request_seconds';

/**
 * A histogram of latencies for each application and class of status, filled from the planes' tallies. Applications
 * beyond the limit are counted together as `other`, so that a scrape stays bounded.
 */
export class AppHistograms {
  readonly #apps = new Map<string, Tally>();
  readonly #most: number;

  constructor(most: number, registry: Registry) {
    this.#most = most;
    registry.registerMetric(this as never);
  }

  readonly name = name;
  readonly help = 'From the request to the end of its answer, by application and class of status';

  /** Adds what a plane counted for an application. */
  add(app: string, tally: Tally): void {
    const key = this.#apps.has(app) || this.#apps.size < this.#most ? app : 'other';
    let known = this.#apps.get(key);
    if (known === undefined) this.#apps.set(key, (known = newTally()));
    mergeTally(known, tally);
  }

  /** For prom-client: all values. */
  async get(): Promise<Omit<MetricObjectWithValues<MetricValue<string>>, 'collect'>> {
    const values: (MetricValue<string> & { metricName: string })[] = [];
    for (const [app, { counts, seconds }] of this.#apps) {
      for (const [kind, status] of statusClasses.entries()) {
        let sum = 0;
        const own: typeof values = [];
        for (let bucket = 0; bucket < buckets; bucket += 1) {
          sum += counts[kind * buckets + bucket] ?? 0;
          const le = bucketSeconds[bucket] ?? '+Inf';
          own.push({ labels: { app, status, le }, value: sum, metricName: `${name}_bucket` });
        }
        if (sum === 0) continue;
        const labels = { app, status };
        own.push({ labels, value: seconds[kind] ?? 0, metricName: `${name}_sum` });
        own.push({ labels, value: sum, metricName: `${name}_count` });
        for (const each of own) values.push(each);
      }
    }
    return { name, help: this.help, type: 'histogram' as never, values, aggregator: 'sum' as never };
  }

  /** For prom-client. */
  reset(): void {
    this.#apps.clear();
  }
}
