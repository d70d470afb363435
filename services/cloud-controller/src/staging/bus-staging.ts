import { randomBytes, randomUUID } from 'node:crypto';
import { stagingLocate, stagingStart, stagingStop } from '@vcap/bus';
import type { Bus, Logger, StagingReply, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { AppRecord, AppStore, Staging } from '../ports.ts';
import { openStagingLog } from './open-log.ts';
import { stagingRequest } from './request.ts';
import type { StagerPool } from './stager-pool.ts';

const acceptMs = 5000;
const lostAfterMs = 15_000;
const watchEveryMs = 1000;
const stagersTried = 3;
const locateTries = 10;
const locatePauseMs = 500;

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
type Outcome =
  { kind: 'finished'; reply: StagingReply } | { kind: 'not-accepted' } | { kind: 'failed'; message: string };

/** Hands applications to stagers. The task id in the database says whose result still counts. */
export class BusStaging implements Staging {
  readonly #o: BusStagingOptions;

  constructor(options: BusStagingOptions) {
    this.#o = options;
  }

  async stage(app: AppRecord, trace: Trace): ReturnType<Staging['stage']> {
    const { bus, store, log } = this.#o;
    const taskId = randomUUID();
    const current = await store.update(app.guid, {
      stagingTaskId: taskId,
      stagingLogUrl: null,
      packageState: 'PENDING',
    });
    if (!current) return { ok: false, message: 'the application was deleted' };
    bus.publish(stagingStop, { app_id: app.guid }, trace);
    const what = { trace_id: trace.traceId, app: app.guid, task: taskId };
    log.info({ event: 'staging-started', ...what });
    const outcome = await this.#run(current, taskId, trace);
    if (outcome.kind === 'finished') {
      const { droplet_sha1: dropletHash, detected_start_command: command, error } = outcome.reply;
      if (!error && dropletHash) return this.#finish(current, taskId, dropletHash, command ?? null);
      outcome.reply.error ??= 'the stager sent no droplet';
    }
    const message = describe(outcome);
    log.info({ event: 'staging-failed', ...what, why: message });
    // Without a stager the bits are not to blame.
    const noStager = outcome.kind === 'not-accepted';
    const stillOurs = await store.finishStaging(app.guid, taskId, { ok: false, keepPending: noStager });
    return { ok: false, message: stillOurs ? message : superseded, noStager };
  }

  async openLog(app: AppRecord, offset: number): ReturnType<Staging['openLog']> {
    return app.stagingLogUrl === null ? undefined : openStagingLog(app.stagingLogUrl, offset);
  }

  async #finish(
    app: AppRecord,
    taskId: string,
    dropletHash: string,
    detectedStartCommand: string | null,
  ): ReturnType<Staging['stage']> {
    const { store } = this.#o;
    const done = await store.finishStaging(app.guid, taskId, { ok: true, dropletHash, detectedStartCommand });
    const staged = done ? await store.byGuid(app.guid) : undefined;
    return staged ? { ok: true, app: staged } : { ok: false, message: superseded };
  }

  async #run(app: AppRecord, taskId: string, trace: Trace): Promise<Outcome> {
    const tried = new Set<string>();
    while (tried.size < stagersTried) {
      const stager = await this.#find(app.stack, tried, trace);
      if (stager === undefined) break;
      tried.add(stager);
      const outcome = await this.#ask(stager, app, taskId, trace);
      if (outcome.kind !== 'not-accepted') return outcome;
      this.#o.log.warn({ event: 'stager-did-not-accept', trace_id: trace.traceId, stager, task: taskId });
    }
    return { kind: 'not-accepted' };
  }

  async #find(stack: string, except: ReadonlySet<string>, trace: Trace): Promise<string | undefined> {
    const { pool, bus, clock } = this.#o;
    for (let attempt = 1; ; attempt++) {
      const stager = pool.choose(stack, except);
      if (stager !== undefined || attempt >= locateTries || except.size > 0) return stager;
      bus.publish(stagingLocate, {}, trace);
      await clock.sleep(locatePauseMs);
    }
  }

  /** One stager's two replies; a stager that is silent for 15 s after it accepted is taken for dead. */
  async #ask(stager: string, app: AppRecord, taskId: string, trace: Trace): Promise<Outcome> {
    const { bus, clock, store, pool, baseUrl, auth, timeoutSeconds } = this.#o;
    const uploadToken = randomBytes(24).toString('hex');
    const timeoutMs = timeoutSeconds * 1000;
    await store.putUploadToken(uploadToken, app.guid, clock.now() + timeoutMs);
    const request = stagingRequest(app, { baseUrl: baseUrl(), auth, timeoutSeconds, taskId, uploadToken });
    return new Promise<Outcome>((resolve) => {
      let accepted = false;
      const waiting = new AbortController();
      const end = (outcome: Outcome): void => {
        accepting.cancel();
        watch.cancel();
        waiting.abort();
        resolve(outcome);
      };
      const accepting = clock.setTimeout(() => {
        if (!accepted) end({ kind: 'not-accepted' });
      }, acceptMs);
      const watch = clock.setInterval(() => {
        if (accepted && pool.silentForMs(stager) > lostAfterMs) {
          end({ kind: 'failed', message: `stager ${stager} died while it worked; push or restart again` });
        }
      }, watchEveryMs);
      const onReply = (reply: StagingReply): 'more' | 'done' => {
        if (reply.task_id !== taskId) return 'more';
        if (reply.error || reply.droplet_sha1) {
          end({ kind: 'finished', reply });
          return 'done';
        }
        accepted = true;
        const stagingLogUrl = reply.task_streaming_log_url;
        if (stagingLogUrl) {
          store.update(app.guid, { stagingLogUrl }).catch((err: unknown) => {
            this.#o.log.warn({ event: 'staging-log-url-not-stored', trace_id: trace.traceId, err });
          });
        }
        return 'more';
      };
      void bus
        .requestStream(stagingStart.for(stager), request, {
          timeoutMs: timeoutMs + acceptMs,
          onReply,
          trace,
          signal: waiting.signal,
        })
        .then((how) => {
          if (how === 'timeout')
            end({ kind: 'failed', message: `staging took longer than ${timeoutSeconds} s` });
        });
    });
  }
}

const superseded = 'a newer staging of this application took over';

function describe(outcome: Outcome): string {
  if (outcome.kind === 'finished') return outcome.reply.error ?? 'unknown';
  if (outcome.kind === 'failed') return outcome.message;
  return 'no stager is available now; try again in a moment';
}
