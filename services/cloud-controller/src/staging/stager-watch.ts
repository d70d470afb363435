import type { Clock, Timer } from '@vcap/clock';
import { openStagingLog } from './open-log.ts';
import type { StagerPool } from './stager-pool.ts';

const LOOK_EVERY_MS = 2000;
const SILENT_AFTER_MS = 15_000;
const ASK_EVERY_MS = 5000;
const PAST_ANY_END = Number.MAX_SAFE_INTEGER;

/** Why waiting for a stager makes no sense any more. */
export type Loss = 'died' | 'answer-lost';

/**
 * Watches a stager that accepted a task. Without adverts for 15 s it is asked over its log server: one that is draining
 * advertises no more but finishes its tasks; one that does not answer there either has died. A log that is twice seen
 * complete while no answer came means that the answer got lost.
 */
export class StagerWatch {
  readonly #o: { clock: Clock; pool: StagerPool; stager: string; onLoss: (loss: Loss) => void };
  readonly #timer: Timer;
  #logUrl: string | undefined;
  #asking = false;
  #askedAt: number;
  #seenComplete = false;
  #over = false;

  constructor(options: { clock: Clock; pool: StagerPool; stager: string; onLoss: (loss: Loss) => void }) {
    this.#o = options;
    this.#askedAt = options.clock.monotonic();
    this.#timer = options.clock.setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  /** Where the task's log is, once the stager told it. */
  set logUrl(url: string | undefined) {
    this.#logUrl = url;
  }

  cancel(): void {
    this.#over = true;
    this.#timer.cancel();
  }

  async #look(): Promise<void> {
    const { clock, pool, stager } = this.#o;
    const silent = pool.silentForMs(stager) > SILENT_AFTER_MS;
    const due = silent || this.#seenComplete || clock.monotonic() - this.#askedAt >= ASK_EVERY_MS;
    if (this.#asking || !due) return;
    this.#asking = true;
    this.#askedAt = clock.monotonic();
    const complete = await isComplete(this.#logUrl);
    this.#asking = false;
    if (this.#over) return;
    if (complete === undefined && silent) this.#end('died');
    else if (complete === true && this.#seenComplete) this.#end('answer-lost');
    else this.#seenComplete = complete === true;
  }

  #end(loss: Loss): void {
    this.cancel();
    this.#o.onLoss(loss);
  }
}

/** Undefined when nobody answers for the log. */
async function isComplete(logUrl: string | undefined): Promise<boolean | undefined> {
  const log = logUrl === undefined ? undefined : await openStagingLog(logUrl, PAST_ANY_END);
  // Nothing of the text is wanted; undici reports what is thrown away as an error.
  log?.body.on('error', () => undefined).destroy();
  return log?.complete;
}
