import { stagingStart } from '@vcap/bus';
import type { Bus, Logger, StagingReply, StagingStart, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { failure, outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { StagerPool } from './stager-pool.ts';
import { StagerWatch } from './stager-watch.ts';

const ACCEPT_MS = 5000;
/** The stager keeps the limit itself; this is for one that does not. */
const GRACE_MS = 10_000;

/** One request to one stager. */
export interface AskOptions {
  bus: Bus;
  clock: Clock;
  log: Logger;
  pool: StagerPool;
  stager: string;
  request: StagingStart;
  timeoutSeconds: number;
  /** Told once, with the first reply that has it. */
  onLogUrl: (url: string) => void;
  /** Aborted when a newer staging of the app begins. */
  signal: AbortSignal;
  trace: Trace;
}

/** Follows the two replies of a stager. Always ends: by them, by the stager's death, or by time. Never rejects. */
export function askStager(o: AskOptions): Promise<Outcome> {
  const { bus, clock, log, pool, stager, request, timeoutSeconds, signal, trace } = o;
  return new Promise((resolve) => {
    let accepted = false;
    const waiting = new AbortController();
    const end = (outcome: Outcome): void => {
      accepting.cancel();
      limit.cancel();
      watch.cancel();
      signal.removeEventListener('abort', superseded);
      waiting.abort();
      resolve(outcome);
    };
    const superseded = (): void => end(failure('a newer staging of this application took over'));
    const accepting = clock.setTimeout(() => end({ kind: 'not-accepted' }), ACCEPT_MS);
    const limitMs = timeoutSeconds * 1000 + GRACE_MS;
    const limit = clock.setTimeout(
      () => end(failure(`staging took longer than ${timeoutSeconds} seconds`)),
      limitMs,
    );
    const onLoss = (loss: 'died' | 'answer-lost'): void => {
      if (!accepted) return;
      const what = loss === 'died' ? 'the stager died' : 'the answer of the stager was lost';
      log.warn({ event: `stager-${loss}`, stager, task: request.task_id, trace_id: trace.traceId });
      end({ kind: 'lost', message: `${what}; push or restart again` });
    };
    const watch = new StagerWatch({ clock, pool, stager, onLoss });
    const onReply = (reply: StagingReply): 'more' | 'done' => {
      if (reply.task_id !== request.task_id) return 'more';
      const url = reply.task_streaming_log_url;
      if (url) o.onLogUrl(url);
      const outcome = outcomeOf(reply, accepted);
      if (outcome) {
        end(outcome);
        return 'done';
      }
      accepted = true;
      accepting.cancel();
      if (url) watch.logUrl = url;
      return 'more';
    };
    signal.addEventListener('abort', superseded);
    if (signal.aborted) return superseded();
    const options = { timeoutMs: limitMs + GRACE_MS, onReply, trace, signal: waiting.signal };
    bus.requestStream(stagingStart.for(stager), request, options).catch((error: unknown) => {
      log.error({ event: 'staging-request-failed', stager, err: error, trace_id: trace.traceId });
      end({ kind: 'not-accepted' });
    });
  });
}
