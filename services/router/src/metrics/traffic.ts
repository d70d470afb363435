import type { Clock } from '@vcap/clock';
import { LatencyWindow } from './latency-window.ts';
import { LoadAverage } from './load-average.ts';
import { RateWindow } from './rate-window.ts';

const classes = ['2xx', '3xx', '4xx', '5xx'] as const;

/** `2xx` to `5xx`, or `xxx` for any other status. */
export function statusClass(status: number): string {
  const found = `${Math.floor(status / 100)}xx`;
  return classes.some((each) => each === found) ? found : 'xxx';
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

  add(status: number, latencyMs: number): void {
    this.requests += 1;
    const name = statusClass(status);
    this.responses[name] = (this.responses[name] ?? 0) + 1;
    this.rate.mark();
    this.latency.add(latencyMs);
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

  mark(app: string): void {
    let window = this.#apps.get(app);
    if (window === undefined) this.#apps.set(app, (window = new RateWindow(this.#clock)));
    window.mark();
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
