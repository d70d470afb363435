import type { Clock } from '@vcap/clock';

const size = 1024;
const windowMs = 60_000;
const percentiles = [50, 75, 90, 95, 99] as const;

/** The latest latencies: at most 1024, none older than a minute. */
export class LatencyWindow {
  readonly #clock: Clock;
  readonly #values = new Float64Array(size);
  readonly #times = new Float64Array(size).fill(-Infinity);
  #next = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(ms: number): void {
    this.#values[this.#next] = ms;
    this.#times[this.#next] = this.#clock.monotonic();
    this.#next = (this.#next + 1) % size;
  }

  /** Percentiles and mean in seconds, under the names that monitors know. */
  summary(): Record<string, number> {
    const oldest = this.#clock.monotonic() - windowMs;
    const kept = this.#values.filter((_value, at) => (this.#times[at] ?? -Infinity) >= oldest).sort();
    const at = (share: number): number =>
      kept[Math.min(kept.length - 1, Math.floor(kept.length * share))] ?? 0;
    const summary: Record<string, number> = {};
    for (const each of percentiles) summary[String(each)] = at(each / 100) / 1000;
    const sum = kept.reduce((total, each) => total + each, 0);
    summary['value'] = kept.length === 0 ? 0 : sum / kept.length / 1000;
    summary['samples'] = kept.length;
    return summary;
  }
}
