import type { Clock } from './clock.ts';

/** Work did not end in its time. `what` and `ms` are in the message. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';

  constructor(what: string, ms: number) {
    super(`${what} did not finish within ${ms} ms`);
  }
}

/** Waits for `work`, at most `ms`; then rejects with a DeadlineError (the work itself goes on unwatched). */
export async function withDeadline<T>(clock: Clock, ms: number, what: string, work: Promise<T>): Promise<T> {
  let cancel = (): void => undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new DeadlineError(what, ms)), ms);
    cancel = () => timer.cancel();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}
