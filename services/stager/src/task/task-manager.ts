import type { Clock, Timer } from '@vcap/clock';
import type { Logger, Trace } from '@vcap/bus';
import { acceptedReply, failedReply, finishedReply } from '../domain/replies.ts';
import type { TaskReply } from '../domain/replies.ts';
import { StagingError, toStagingError } from '../domain/staging-error.ts';
import type { StagingErrorType } from '../domain/staging-error.ts';
import type { TaskRequest } from '../domain/task-request.ts';
import { parseTaskRequest, taskIdOf } from '../domain/task-request.ts';
import { LogPublisher } from '../log/log-publisher.ts';
import type { LogStore } from '../log/log-store.ts';
import { TaskLog } from '../log/task-log.ts';
import type { TaskLogs } from '../log/task-logs.ts';
import type { RunningTask, StagingResult } from './staging-steps.ts';

const REMEMBERED_IDS = 1000;
const TASK_LOG_BYTES = 32 * 1024;

/** What the manager needs from outside. */
export interface TaskManagerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly logs: TaskLogs;
  readonly store: LogStore | undefined;
  /** Name of this stager in the leases. */
  readonly owner: string;
  readonly maxTasks: number;
  readonly maxSeconds: number;
  /** How long `drain` waits for running tasks. */
  readonly drainSeconds: number;
  readonly newToken: () => string;
  readonly logUrl: (taskId: string, token: string) => string;
  readonly stage: (request: TaskRequest, task: RunningTask) => Promise<StagingResult>;
}

interface ActiveTask {
  readonly taskId: string;
  readonly appId: string;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** Owns the running tasks: takes, bounds, stops and answers them. */
export class TaskManager {
  readonly #o: TaskManagerOptions;
  readonly #active = new Map<string, ActiveTask>();
  /** Those of the active that are merely being cleaned up. */
  readonly #answered = new Set<string>();
  readonly #seen = new Set<string>();
  #closing = false;
  /** Counts since the start, for varz. */
  readonly counters = { started: 0, succeeded: 0, failed: 0, refused: 0, duplicates: 0 };

  constructor(options: TaskManagerOptions) {
    this.#o = options;
  }

  /** Tasks running now. */
  get active(): number {
    return this.#active.size - this.#answered.size;
  }

  /** How many more tasks would be taken. */
  get free(): number {
    return this.#closing ? 0 : Math.max(0, this.#o.maxTasks - this.active);
  }

  /** Takes one `staging.<id>.start`: replies twice, once when refused, never to a repeated task id. */
  start(message: unknown, reply: (payload: TaskReply) => void, trace: Trace): void {
    const log = this.#o.log.child({ trace_id: trace.traceId });
    const taskId = taskIdOf(message);
    if (taskId !== null && this.#seen.has(taskId)) {
      this.counters.duplicates += 1;
      log.info({ event: 'duplicate-task-ignored', task_id: taskId });
      return;
    }
    let request: TaskRequest;
    try {
      request = parseTaskRequest(message);
      if (this.#closing) throw new StagingError('StagerShutdown', 'the stager is shutting down');
      if (this.free === 0) {
        const text = `the stager is at its limit of ${this.#o.maxTasks} tasks`;
        throw new StagingError('TooManyTasks', text);
      }
    } catch (error) {
      const failure = toStagingError(error);
      this.counters.refused += 1;
      log.warn({ event: 'task-refused', task_id: taskId, type: failure.type, reason: failure.message });
      reply(failedReply(taskId, failure));
      return;
    }
    this.#launch(request, reply, trace, log);
  }

  /** Ends all tasks of an app; each answers `task stopped`. */
  stopApp(appId: string, trace: Trace): void {
    for (const task of this.#active.values()) {
      if (task.appId !== appId) continue;
      const fields = { task_id: task.taskId, app_id: appId, trace_id: trace.traceId };
      this.#o.log.info({ event: 'task-stop-asked', ...fields });
      task.abort.abort(new StagingError('TaskStopped', 'task stopped'));
    }
  }

  /** Takes nothing more and waits for what runs, at most `drainSeconds`; `close` ends the rest. */
  async drain(): Promise<void> {
    this.#closing = true;
    const ended = new AbortController();
    const tooLong = this.#o.clock.sleep(this.#o.drainSeconds * 1000, ended.signal);
    await Promise.race([this.#allDone(), tooLong]);
    ended.abort();
    if (this.active > 0) this.#o.log.warn({ event: 'drain-timed-out', tasks: this.active });
  }

  /** Takes nothing more, ends what runs and waits until all of it is cleaned up and answered. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const { abort } of this.#active.values()) {
      abort.abort(new StagingError('StagerShutdown', 'the stager is shutting down'));
    }
    await this.#allDone();
  }

  #launch(request: TaskRequest, reply: (payload: TaskReply) => void, trace: Trace, parent: Logger): void {
    const { taskId, appId } = request;
    this.#remember(taskId);
    this.counters.started += 1;
    const abort = new AbortController();
    const log = parent.child({ task_id: taskId, app_id: appId });
    const done = this.#run(request, { abort, reply, trace, log }).finally(() => this.#active.delete(taskId));
    this.#active.set(taskId, { taskId, appId, abort, done });
  }

  async #allDone(): Promise<void> {
    await Promise.all([...this.#active.values()].map(({ done }) => done));
  }

  async #run(
    request: TaskRequest,
    task: { abort: AbortController; reply: (payload: TaskReply) => void; trace: Trace; log: Logger },
  ): Promise<void> {
    const { taskId } = request;
    const { abort, reply, trace } = task;
    const { clock, store, owner } = this.#o;
    const token = this.#o.newToken();
    const log = new TaskLog();
    const url = this.#o.logUrl(taskId, token);
    this.#o.logs.add(taskId, token, log);
    const publisher = store && new LogPublisher({ taskId, token, owner, log, store, clock });
    publisher?.start();
    const timer = this.#limit(request, abort);
    const began = clock.monotonic();
    task.log.info({ event: 'task-started' });
    reply(acceptedReply(taskId, url));
    let answer: TaskReply;
    let cleanedUp = Promise.resolve();
    try {
      const result = await this.#o.stage(request, { log, signal: abort.signal, trace });
      ({ cleanedUp } = result);
      answer = finishedReply(taskId, result.droplet, { text: log.tail(TASK_LOG_BYTES), url });
      this.counters.succeeded += 1;
      task.log.info({ event: 'task-finished', ms: Math.round(clock.monotonic() - began) });
    } catch (thrown) {
      // However a step reports its abort, the reason for it is the answer.
      const error = toStagingError(abort.signal.aborted ? abort.signal.reason : thrown);
      log.say(`Staging failed: ${error.message}`);
      answer = failedReply(taskId, error, { text: log.tail(TASK_LOG_BYTES), url });
      this.counters.failed += 1;
      task.log[levelOf(error.type)]({ event: 'task-failed', type: error.type, reason: error.message });
    }
    this.#o.logs.complete(taskId);
    if (publisher && !(await publisher.finish())) {
      task.log.warn({ event: 'task-log-not-stored' });
    }
    reply(answer);
    // Who was answered does not wait for this, and the place is free for another task.
    this.#answered.add(taskId);
    await cleanedUp;
    timer.cancel();
    this.#answered.delete(taskId);
  }

  #limit(request: TaskRequest, abort: AbortController): Timer {
    const seconds = Math.min(request.timeoutSeconds ?? this.#o.maxSeconds, this.#o.maxSeconds);
    return this.#o.clock.setTimeout(() => {
      abort.abort(new StagingError('StagingTimeout', `staging took longer than ${seconds} seconds`));
    }, seconds * 1000);
  }

  #remember(taskId: string): void {
    this.#seen.add(taskId);
    if (this.#seen.size <= REMEMBERED_IDS) return;
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest);
      return;
    }
  }
}

/** The user's own mistakes are no alarm; what the platform should look at is. */
const levelOf = (type: StagingErrorType): 'info' | 'warn' | 'error' => {
  if (type === 'StagingError' || type === 'PackFailed') return 'error';
  return type === 'DownloadFailed' || type === 'UploadFailed' ? 'warn' : 'info';
};
