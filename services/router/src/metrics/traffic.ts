import type { Clock } from '@vcap/clock';
import { bucketSeconds, statusClasses } from '../plane/stats.ts';
import type { Tally } from '../plane/stats.ts';
import { LatencyWindow } from './latency-window.ts';
import { LoadAverage } from './load-average.ts';
import { RateWindow } from './rate-window.ts';

const buckets = bucketSeconds.length + 1;

/** Requests of each class in a tally. */
export function byClass(tally: Tally): number[] {
  return statusClasses.map((_name, kind) => {
    let sum = 0;
    for (let bucket = 0; bucket < buckets; bucket += 1) sum += tally.counts[kind * buckets + bucket] ?? 0;
    return sum;
  });
}

/** Requests, answers by class, and latency: for the router and again for each component tag. */
export class Traffic {
  requests = 0;
  readonly responses: Record<string, number> = { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, xxx: 0 };
  readonly latency: LatencyWindow;
  readonly rate: LoadAverage;

  constructor(clock: Clock) {
    this.latency = new LatencyWindow(clock);
    this.rate = new LoadAverage(clock);
  }

  add(tally: Tally): void {
    for (const [kind, count] of byClass(tally).entries()) {
      const name = statusClasses[kind] ?? 'xxx';
      this.requests += count;
      this.responses[name] = (this.responses[name] ?? 0) + count;
      this.rate.mark(count);
    }
    for (const ms of tally.samples) this.latency.add(ms);
  }

  /** The figures under their /varz names. */
  fields(): Record<string, unknown> {
    const responses = Object.entries(this.responses).map(([name, count]) => [`responses_${name}`, count]);
    return {
      requests: this.requests,
      rate: this.rate.rates(),
      ...Object.fromEntries(responses),
      latency: this.latency.summary(),
    };
  }
}

/** The apps with most requests in the last minute. */
export class TopApps {
  readonly #clock: Clock;
  readonly #apps = new Map<string, RateWindow>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  mark(app: string, count: number): void {
    let window = this.#apps.get(app);
    if (window === undefined) this.#apps.set(app, (window = new RateWindow(this.#clock)));
    window.mark(count);
  }

  /** At most `count`, busiest first; forgets apps that had none. */
  top(count: number): { application_id: string; rps: number; rpm: number }[] {
    const list = [];
    for (const [app, window] of this.#apps) {
      const rpm = window.perMinute();
      if (rpm === 0) this.#apps.delete(app);
      else list.push({ application_id: app, rps: Math.round(rpm / 60), rpm });
    }
    return list.sort((a, b) => b.rpm - a.rpm).slice(0, count);
  }
}
