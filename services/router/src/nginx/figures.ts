import type { StatsReport } from '../plane/stats.ts';
import type { WorkerReport } from './report.ts';

/** Nobody asks for figures: those of an hour are kept. */
const mostReports = 3600;

/** What nginx's workers told of their requests. */
export class Figures {
  readonly #workers: number;
  readonly #active = new Map<number, number>();
  #reports: StatsReport[] = [];

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** Running requests and tunnels. */
  get active(): number {
    let active = 0;
    for (const each of this.#active.values()) active += each;
    return active;
  }

  add({ pid, active, stats }: WorkerReport): void {
    this.#active.set(pid, active);
    // Workers of an old configuration go.
    if (this.#active.size > 4 * this.#workers) this.#active.delete([...this.#active.keys()][0] as number);
    this.#reports.push(stats);
    if (this.#reports.length > mostReports * this.#workers) this.#reports.shift();
  }

  /** All reports since the last time. */
  take(): StatsReport[] {
    const reports = this.#reports;
    this.#reports = [];
    return reports;
  }

  /** nginx is gone, and what ran in it. */
  forgetActive(): void {
    this.#active.clear();
  }
}
