import type { Logger, Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import type { Work } from './types.ts';

/** Called at each `step`; a test ends the process in it. */
export type OnStep = (name: string) => void;

/** Makes the `Work` of one operation. `what` begins the names of its steps. */
export function makeWork(options: {
  what: string;
  trace: Trace;
  log: Logger;
  signal: AbortSignal;
  onStep: OnStep | undefined;
}): Work {
  const { what, trace, log, signal, onStep } = options;
  return {
    signal,
    trace,
    log: log.child({ operation: what, trace_id: trace.traceId }),
    step: (name) => {
      onStep?.(`${what}:${name}`);
      signal.throwIfAborted();
    },
  };
}

/**
 * Waits for `work` at most `limitMs`. Past that its signal aborts and the answer is 30502 at once; the work itself undoes
 * what it made.
 */
export async function limited<T>(
  clock: Clock,
  what: string,
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const running = work(controller.signal);
  return new Promise<T>((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      const error = new ServiceError(serviceErrors.nodeTimeout, `${what} took more than ${limitMs} ms`);
      controller.abort(error);
      reject(error);
    }, limitMs);
    running.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** For work that goes on to its end. */
export const never: AbortSignal = new AbortController().signal;
