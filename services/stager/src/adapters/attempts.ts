import type { Trace } from '@vcap/bus';
import { childTrace, toTraceparent } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { StagingError } from '../domain/staging-error.ts';

const ATTEMPTS = 3;
const PAUSE_MS = 500;

/** What a transfer to or from the cloud controller needs beside its addresses. */
export interface TransferOptions {
  readonly clock: Clock;
  /** Ends the transfer, also between two tries. */
  readonly signal: AbortSignal;
  /** Takes lines for the user's staging log. */
  readonly onLine: (line: string) => void;
  /** The task's; each try is a span of its own. */
  readonly trace: Trace;
}

/** Marks a failure that another try cannot mend. */
export class FinalFailure extends Error {
  override readonly name = 'FinalFailure';
}

/**
 * Tries `work` three times, 0.5 s and 1 s apart; gives up at once on {@link FinalFailure} and abort. `traceHeaders`
 * go with the request.
 * @throws StagingError of `type`, starting with `what`; the signal's reason when aborted
 */
export const threeAttempts = async (
  o: TransferOptions,
  type: 'DownloadFailed' | 'UploadFailed',
  what: string,
  work: (traceHeaders: Readonly<Record<string, string>>) => Promise<void>,
): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (attempt > 1) o.onLine(`Trying again (${attempt} of ${ATTEMPTS})`);
      await work({ traceparent: toTraceparent(childTrace(o.trace)) });
      return;
    } catch (error) {
      o.signal.throwIfAborted();
      if (error instanceof FinalFailure || attempt === ATTEMPTS) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new StagingError(type, `${what}: ${reason}`, { cause: error });
      }
      await o.clock.sleep(PAUSE_MS * attempt, o.signal);
      o.signal.throwIfAborted();
    }
  }
};
