import type { Clock, Timer } from '@vcap/clock';
import { healthCheckOf, probe } from './health-check.ts';
import type { Instance } from './instance.ts';
import { isRouted } from './states.ts';

/** Settings of the repeated checks. */
export interface LivenessOptions {
  clock: Clock;
  /** Address that applications are reached at. */
  host: string;
  intervalMs: number;
  /** Of one check; the start message's own wins. */
  timeoutMs: number;
  /** So many failures in a row are a crash. */
  failures: number;
  /** Called once, with a text for the user. */
  dead(instance: Instance, why: string): void;
}

/** Repeats the health check of every serving instance: a program may hang without ending. */
export class Liveness {
  private readonly options: LivenessOptions;
  private readonly timers = new Map<Instance, Timer>();

  constructor(options: LivenessOptions) {
    this.options = options;
  }

  /** Begins or ends the checks as the instance's state asks; call it after each change. */
  follow(instance: Instance): void {
    const watched = this.timers.get(instance);
    if (isRouted(instance.state) && watched === undefined) this.watch(instance);
    if (isRouted(instance.state) || watched === undefined) return;
    watched.cancel();
    this.timers.delete(instance);
  }

  close(): void {
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }

  private watch(instance: Instance): void {
    const check = healthCheckOf(instance.message);
    if (typeof check === 'string' || check.type === 'process' || instance.port === 0) return;
    const { clock, failures, host, intervalMs } = this.options;
    const own = instance.message.health_check_invocation_timeout;
    const target = {
      host,
      port: instance.port,
      timeoutMs: own == null ? this.options.timeoutMs : own * 1000,
    };
    let failed = 0;
    let asking = false;
    const look = async (): Promise<void> => {
      const seen = await probe(clock, check, target);
      if (this.timers.get(instance) !== timer) return;
      failed = seen === undefined ? 0 : failed + 1;
      if (seen === undefined || failed < failures) return;
      const what =
        check.type === 'http' ? `health check GET ${check.path}` : `connection to port ${target.port}`;
      this.options.dead(instance, `${what} failed ${failed} times in a row: ${seen}`);
    };
    const timer = clock.setInterval(() => {
      if (asking) return;
      asking = true;
      void look().finally(() => {
        asking = false;
      });
    }, intervalMs);
    this.timers.set(instance, timer);
  }
}
