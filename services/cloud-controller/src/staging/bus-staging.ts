import { randomBytes, randomUUID } from 'node:crypto';
import { stagingLocate, stagingStop } from '@vcap/bus';
import type { Bus, Logger, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { AppRecord, AppStore, Staging } from '../ports.ts';
import { askStager } from './ask-stager.ts';
import { openStagingLog } from './open-log.ts';
import { failure } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { stagingRequest } from './request.ts';
import type { StagerPool } from './stager-pool.ts';

const ATTEMPTS = 3;
const LOCATE_TRIES = 5;
const LOCATE_EVERY_MS = 1000;
const SUPERSEDED = 'a newer staging of this application took over';
const DELETED = 'the application was deleted';

export interface BusStagingOptions {
  bus: Bus;
  clock: Clock;
  log: Logger;
  store: AppStore;
  pool: StagerPool;
  baseUrl: () => string;
  auth: { user: string; password: string };
  timeoutSeconds: number;
}
interface Task {
  app: AppRecord;
  /** The one whose result counts; each stager that is tried gets its own. */
  id: string;
  signal: AbortSignal;
  trace: Trace;
}

/** Hands applications to stagers. The task id in the database says whose result still counts. */
export class BusStaging implements Staging {
  readonly #o: BusStagingOptions;
  /** Stagings of this process by app; those of other controllers are told apart by the task id alone. */
  readonly #running = new Map<string, AbortController>();

  constructor(options: BusStagingOptions) {
    this.#o = options;
  }

  async stage(app: AppRecord, trace: Trace): ReturnType<Staging['stage']> {
    this.#running.get(app.guid)?.abort();
    const abort = new AbortController();
    this.#running.set(app.guid, abort);
    try {
      return await this.#stage(app, trace, abort.signal);
    } finally {
      if (this.#running.get(app.guid) === abort) this.#running.delete(app.guid);
    }
  }

  async openLog(app: AppRecord, offset: number): ReturnType<Staging['openLog']> {
    return app.stagingLogUrl === null ? undefined : openStagingLog(app.stagingLogUrl, offset);
  }

  async #stage(app: AppRecord, trace: Trace, signal: AbortSignal): ReturnType<Staging['stage']> {
    const { bus, store, log } = this.#o;
    const id = randomUUID();
    const current = await store.update(app.guid, {
      stagingTaskId: id,
      stagingLogUrl: null,
      packageState: 'PENDING',
    });
    if (!current) return { ok: false, message: DELETED, noStager: true };
    bus.publish(stagingStop, { app_id: app.guid }, trace);
    const task: Task = { app: current, id, signal, trace };
    log.info({ event: 'staging-started', ...about(task) });
    const outcome = await this.#run(task);
    if (outcome.kind === 'staged') return this.#finish(task, outcome);
    const message =
      outcome.kind === 'failed' ? outcome.message : 'no stager is available now; try again in a moment';
    const keepPending = outcome.kind !== 'failed' || !outcome.bitsToBlame;
    log.info({ event: 'staging-failed', ...about(task), why: message });
    const ours = await store.finishStaging(app.guid, task.id, { ok: false, keepPending });
    if (!ours) return { ok: false, message: await this.#whyNotOurs(app.guid), noStager: true };
    // A stager that still works on it works for nobody.
    if (keepPending) bus.publish(stagingStop, { app_id: app.guid }, trace);
    return { ok: false, message, noStager: keepPending };
  }

  async #finish(task: Task, { dropletHash, detectedStartCommand }: Outcome & { kind: 'staged' }) {
    const { store, log } = this.#o;
    const { guid } = task.app;
    const result = { ok: true as const, dropletHash, detectedStartCommand };
    const staged = (await store.finishStaging(guid, task.id, result)) ? await store.byGuid(guid) : undefined;
    log.info({ event: staged ? 'staging-finished' : 'staging-overtaken', ...about(task), sha1: dropletHash });
    if (staged) return { ok: true as const, app: staged };
    return { ok: false as const, message: await this.#whyNotOurs(guid), noStager: true };
  }

  async #whyNotOurs(guid: string): Promise<string> {
    return (await this.#o.store.byGuid(guid)) ? SUPERSEDED : DELETED;
  }

  async #run(task: Task): Promise<Outcome> {
    const { bus, store, pool, log } = this.#o;
    const { app, trace, signal } = task;
    const tried = new Set<string>();
    let lost: Outcome | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const stager = pool.choose(app.stack, tried) ?? (await this.#locate(task, tried));
      if (signal.aborted) return failure(SUPERSEDED);
      if (stager === undefined) break;
      if (attempt > 1) {
        // The one before may have taken the task and only its reply was lost: it must not finish beside this one.
        const now = await store.byGuid(app.guid);
        if (now?.stagingTaskId !== task.id) return failure(now ? SUPERSEDED : DELETED);
        bus.publish(stagingStop, { app_id: app.guid }, trace);
        task.id = randomUUID();
        await store.update(app.guid, { stagingTaskId: task.id, stagingLogUrl: null });
      }
      tried.add(stager);
      const outcome = await this.#ask(stager, task);
      if (outcome.kind === 'lost') {
        // Once more and no oftener: it may be this application that stagers die of.
        if (lost) break;
        lost = failure(outcome.message);
      } else if (outcome.kind !== 'not-accepted') return outcome;
      log.warn({ event: `stager-${outcome.kind}`, stager, ...about(task) });
    }
    return lost ?? { kind: 'not-accepted' };
  }

  /** Asks for adverts once a second, since the question may get lost too. */
  async #locate({ app, trace }: Task, tried: ReadonlySet<string>): Promise<string | undefined> {
    for (let ask = 1; ask <= LOCATE_TRIES; ask++) {
      this.#o.bus.publish(stagingLocate, {}, trace);
      const stager = await this.#o.pool.chooseWithin(app.stack, tried, LOCATE_EVERY_MS);
      if (stager !== undefined) return stager;
    }
    return undefined;
  }

  async #ask(stager: string, task: Task): Promise<Outcome> {
    const { bus, clock, log, store, pool, baseUrl, auth, timeoutSeconds } = this.#o;
    const { app, id: taskId, signal, trace } = task;
    const uploadToken = randomBytes(24).toString('hex');
    await store.putUploadToken(uploadToken, app.guid, clock.now() + timeoutSeconds * 1000);
    const services = await store.boundServices(app.guid);
    const request = stagingRequest(app, services, {
      baseUrl: baseUrl(),
      auth,
      timeoutSeconds,
      taskId,
      uploadToken,
    });
    let stored: string | undefined;
    const onLogUrl = (stagingLogUrl: string): void => {
      if (stored === stagingLogUrl || signal.aborted) return;
      stored = stagingLogUrl;
      store.update(app.guid, { stagingLogUrl }).catch((err: unknown) => {
        log.warn({ event: 'staging-log-url-not-stored', ...about(task), err });
      });
    };
    return askStager({ bus, clock, log, pool, stager, request, timeoutSeconds, onLogUrl, signal, trace });
  }
}

function about({ app, id, trace }: Task): Record<string, string> {
  return { app: app.guid, task: id, trace_id: trace.traceId };
}
