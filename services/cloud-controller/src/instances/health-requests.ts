import { deaStop, healthStart, healthStop } from '@vcap/bus';
import type { Bus, HealthStart, HealthStop, Logger, Subscription, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { AppRecord, AppStore, StartOrder } from '../ports.ts';
import type { ActualState } from './actual-state.ts';
import { checkStart, checkStop } from './health-checks.ts';
import type { Verdict } from './health-checks.ts';
import { Recent } from './recent.ts';
import { isTaken } from './running-instances.ts';
import type { Starter } from './starter.ts';

const DOUBLE_WITHIN_MS = 1000;
/** Two health managers see the same within a scan or two; an order that is repeated later is for a start that was lost. */
const ORDER_LIFE_MS = 12_000;

/** What health requests work with. */
export interface HealthRequestsOptions {
  bus: Bus;
  log: Logger;
  apps: AppStore;
  actual: ActualState;
  starter: Starter;
}

/**
 * Obeys the health manager, after a look into the database for each instance: a late or doubled request, or one from
 * a health manager that knows less, changes nothing, and of two health managers that see the same the first is obeyed.
 * A request that is lost comes again.
 */
export class HealthRequests {
  readonly #o: HealthRequestsOptions;
  readonly #recent: Recent;
  readonly #clock: Clock;
  #subscriptions: Subscription[] = [];

  constructor(options: HealthRequestsOptions, clock: Clock) {
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

  async #start({ droplet, version, indices, after = '' }: HealthStart, trace: Trace): Promise<void> {
    const { apps, actual } = this.#o;
    for (const index of indices) {
      await this.#once(`start ${droplet} ${version} ${index} ${after}`, async () => {
        const app = await apps.byGuid(droplet);
        const taken = isTaken(actual, droplet, version, index);
        const verdict = checkStart(app, { version, index, taken });
        const fields = { app: droplet, version, index };
        if (!verdict.obey || !app) return this.#tell('health-start', verdict, fields, trace);
        await this.#obeyOnce(app, { ...fields, after }, trace);
      });
    }
  }

  /** Starts the instance unless a controller was told so by another health manager. */
  async #obeyOnce(app: AppRecord, order: StartOrder, trace: Trace): Promise<void> {
    const { apps, starter } = this.#o;
    const first = await apps.takeStartOrder(order, ORDER_LIFE_MS);
    const verdict = first ? { obey: true, why: 'missing' } : { obey: false, why: 'ordered-already' };
    this.#tell('health-start', verdict, { ...order }, trace);
    if (!first) return;
    try {
      await starter.start(app, [order.index], trace);
    } catch (error) {
      await apps.giveBackStartOrder(order);
      throw error;
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
