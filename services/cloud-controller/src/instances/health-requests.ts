import { deaStop, healthStart, healthStop } from '@vcap/bus';
import type { Bus, HealthStart, HealthStop, Logger, Subscription, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { AppStore } from '../ports.ts';
import type { ActualState } from './actual-state.ts';
import { checkStart, checkStop } from './health-checks.ts';
import type { Verdict } from './health-checks.ts';
import { Recent } from './recent.ts';
import { isTaken } from './running-instances.ts';
import type { Starter } from './starter.ts';

const DOUBLE_WITHIN_MS = 1000;

/**
 * Obeys the health manager, after a look into the database for each instance: a late or doubled request, or one from
 * a health manager that knows less, changes nothing. One that is lost comes again.
 */
export class HealthRequests {
  readonly #o: { bus: Bus; log: Logger; apps: AppStore; actual: ActualState; starter: Starter };
  readonly #recent: Recent;
  readonly #clock: Clock;
  #subscriptions: Subscription[] = [];

  constructor(
    options: { bus: Bus; log: Logger; apps: AppStore; actual: ActualState; starter: Starter },
    clock: Clock,
  ) {
    this.#o = options;
    this.#clock = clock;
    this.#recent = new Recent(clock, DOUBLE_WITHIN_MS);
  }

  start(): void {
    const { bus } = this.#o;
    this.#subscriptions = [
      bus.subscribe(healthStart, (message, { trace }) => this.#start(message, trace)),
      bus.subscribe(healthStop, (message, { trace }) => this.#stop(message, trace)),
    ];
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions = [];
  }

  async #start({ droplet, version, indices }: HealthStart, trace: Trace): Promise<void> {
    const { apps, actual, starter } = this.#o;
    for (const index of indices) {
      await this.#once(`start ${droplet} ${version} ${index}`, async () => {
        const app = await apps.byGuid(droplet);
        const taken = isTaken(actual, droplet, version, index);
        const verdict = checkStart(app, { version, index, taken });
        this.#tell('health-start', verdict, { app: droplet, version, index }, trace);
        if (verdict.obey && app) await starter.start(app, [index], trace);
      });
    }
  }

  async #stop(message: HealthStop, trace: Trace): Promise<void> {
    const { bus, apps, actual } = this.#o;
    const { droplet, instances, is_duplicate: isDuplicate = false } = message;
    for (const [instance, version] of Object.entries(instances)) {
      await this.#once(`stop ${droplet} ${instance}`, async () => {
        const app = await apps.byGuid(droplet);
        const told = actual.of(droplet).find((each) => each.instance === instance);
        const index = message.instance_index ?? told?.index;
        const verdict = checkStop(app, { version, index, isDuplicate }, this.#clock.now());
        this.#tell('health-stop', verdict, { app: droplet, version, index, instance }, trace);
        // The id alone names the instance; with the version too, one that was renamed meanwhile is spared.
        if (verdict.obey) bus.publish(deaStop, { droplet, version, instances: [instance] }, trace);
      });
    }
  }

  /** Runs `work` unless the same was asked within 1 s; a failure does not count as done. */
  async #once(key: string, work: () => Promise<void>): Promise<void> {
    if (!this.#recent.isNew(key)) return;
    try {
      await work();
    } catch (error) {
      this.#recent.forget(key);
      throw error;
    }
  }

  #tell(event: string, verdict: Verdict, fields: Record<string, unknown>, trace: Trace): void {
    const outcome = verdict.obey ? 'obeyed' : 'refused';
    this.#o.log.info({ event: `${event}-${outcome}`, why: verdict.why, ...fields, trace_id: trace.traceId });
  }
}
