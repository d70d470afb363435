import { deaInstanceStart, deaLocate } from '@vcap/bus';
import type { Bus, Logger, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { AppRecord, AppStore, BoundService } from '../ports.ts';
import type { ActualState } from './actual-state.ts';
import type { DeaPool } from './dea-pool.ts';
import type { Need } from './placement.ts';
import { isTaken } from './running-instances.ts';
import { startMessage } from './start-message.ts';
import type { StartSettings } from './start-message.ts';

const PATIENCE_MS = 3000;

/** What the starter works with. */
export interface StarterOptions {
  bus: Bus;
  clock: Clock;
  log: Logger;
  apps: AppStore;
  pool: DeaPool;
  actual: ActualState;
  settings: () => StartSettings;
}

/**
 * Places instances and sends their start messages. There is no answer: a message that is lost or refused shows as a
 * missing instance, and the health manager asks for it again.
 */
export class Starter {
  readonly #o: StarterOptions;

  constructor(options: StarterOptions) {
    this.#o = options;
  }

  /** Without room it asks DEAs for adverts and waits up to 3 s in all; indices that find none then are only logged. */
  async start(app: AppRecord, indices: readonly number[], trace: Trace): Promise<void> {
    const { clock, log, pool } = this.#o;
    if (app.dropletHash === null) throw new Error(`app ${app.guid} has no droplet to start`);
    let services: BoundService[] | undefined;
    const need = needOf(app);
    let deadline: number | undefined;
    for (const index of indices) {
      let dea = pool.place(need);
      if (dea === undefined) {
        deadline ??= this.#locate(trace);
        const left = deadline - clock.monotonic();
        dea = left > 0 ? await pool.placeWithin(need, left) : undefined;
        if (left > 0 && !(await this.#stillWanted(app, index))) {
          log.info({
            event: 'start-overtaken',
            app: app.guid,
            version: app.version,
            trace_id: trace.traceId,
          });
          return;
        }
      }
      if (dea === undefined) {
        this.#noRoom(app, index, trace);
        continue;
      }
      services ??= await this.#o.apps.boundServices(app.guid);
      this.#send(app, services, index, dea, trace);
    }
  }

  /** Why an index of a started app that nobody runs or was told to run finds no DEA; undefined when all is well. */
  shortage(app: AppRecord): string | undefined {
    const { actual, pool } = this.#o;
    const missing = Array.from({ length: app.instances }, (_, index) => index).some(
      (index) => !isTaken(actual, app.guid, app.version, index),
    );
    return missing ? pool.shortage(needOf(app)) : undefined;
  }

  #locate(trace: Trace): number {
    this.#o.bus.publish(deaLocate, {}, trace);
    return this.#o.clock.monotonic() + PATIENCE_MS;
  }

  async #stillWanted(app: AppRecord, index: number): Promise<boolean> {
    const now = await this.#o.apps.byGuid(app.guid);
    return (
      now !== undefined && now.version === app.version && now.state === 'STARTED' && index < now.instances
    );
  }

  #send(app: AppRecord, services: readonly BoundService[], index: number, dea: string, trace: Trace): void {
    const { bus, log, actual, settings } = this.#o;
    bus.publish(deaInstanceStart.for(dea), startMessage(app, services, index, settings()), trace);
    actual.ordered(app.guid, app.version, index);
    const { guid, version } = app;
    log.info({ event: 'instance-start-sent', app: guid, version, index, dea, trace_id: trace.traceId });
  }

  #noRoom(app: AppRecord, index: number, trace: Trace): void {
    const { guid, stack, runtime, memoryMb, diskMb } = app;
    const need = { stack, runtime, memory_mb: memoryMb, disk_mb: diskMb };
    const known = this.#o.pool.size;
    this.#o.log.warn({
      event: 'no-dea-fits',
      app: guid,
      index,
      ...need,
      deas: known,
      trace_id: trace.traceId,
    });
  }
}

function needOf({ guid, stack, runtime, memoryMb, diskMb }: AppRecord): Need {
  return { appGuid: guid, stack, runtime, memoryMb, diskMb };
}
