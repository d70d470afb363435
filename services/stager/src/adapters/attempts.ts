import { retry } from '@vcap/clock';
import type { Clock } from '@vcap/clock';
import { StagingError } from '../domain/staging-error.ts';

/** Marks a failure that another try cannot mend. */
export class FinalFailure extends Error {
  override readonly name = 'FinalFailure';
}

/**
 * Tries `work` three times, 0.5 s and 1 s apart; gives up at once on {@link FinalFailure} and abort.
 * @throws StagingError of `type`, starting with `what`; the signal's reason when aborted
 */
export const threeAttempts = async (
  clock: Clock,
  signal: AbortSignal,
  type: 'DownloadFailed' | 'UploadFailed',
  what: string,
  work: (attempt: number) => Promise<void>,
): Promise<void> => {
  try {
    const final = await retry(clock, { attempts: 3, delayMs: 500, factor: 2 }, async (attempt) => {
      try {
        await work(attempt);
        return undefined;
      } catch (error) {
        // Handed on as a value: a throw would be tried again.
        if (error instanceof FinalFailure || signal.aborted) return { error };
        throw error;
      }
    });
    if (final) throw final.error;
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new StagingError(type, `${what}: ${reason}`, { cause: error });
  }
};
