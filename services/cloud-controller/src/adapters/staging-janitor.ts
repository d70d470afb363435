import { newTrace } from '@vcap/bus';
import type { Logger } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { keepOld } from '../actions/stage-with-lease.ts';
import type { Instances } from '../ports.ts';
import type { Store } from '../repositories/store.ts';

const LOOK_EVERY_MS = 10_000;
const WHY = 'the controller that had it staged went away; push or restart again';

/** Ends stagings that a dead controller left behind: nobody would ever wait for their results. */
export class StagingJanitor implements Member {
  readonly name = 'staging-janitor';
  readonly #o: { store: Store; instances: Instances; clock: Clock; log: Logger };
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(o: { store: Store; instances: Instances; clock: Clock; log: Logger }) {
    this.#o = o;
  }

  async start(): Promise<void> {
    this.#timer = this.#o.clock.setInterval(() => {
      this.#looking = this.look().catch((err: unknown) => {
        this.#o.log.warn({ event: 'orphaned-stagings-not-read', err });
      });
    }, LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#looking;
  }

  /** One look. What was updated goes on with its old instances; what was being started is STOPPED and FAILED. */
  async look(): Promise<void> {
    const { store, instances, log } = this.#o;
    for (const app of await store.apps.orphanedStagings()) {
      const change =
        app.replacingVersion !== null && app.dropletHash !== null
          ? keepOld({ version: app.replacingVersion }, WHY)
          : {
              state: 'STOPPED' as const,
              packageState: 'FAILED' as const,
              stagingTaskId: null,
              stagingError: WHY,
            };
      if (!(await store.apps.endOrphanedStaging(app, change))) continue;
      const trace = newTrace();
      log.warn({ event: 'orphaned-staging-ended', app: app.guid, trace_id: trace.traceId });
      const now = await store.apps.byGuid(app.guid);
      if (now) instances.announceUpdated(now, trace);
    }
  }
}
