import type { Clock } from '@vcap/clock';
import { TunnelError } from './tunnel-error.ts';

export interface PatienceOptions {
  clock: Clock;
  /** How long failures may follow one another, in ms. */
  totalMs: number;
  /** Told of the first failure of a row, and of the first success after it. */
  onTrouble?: (error: TunnelError) => void;
  onRecovered?: () => void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;

/** How long a tunnel tries again: pauses that double, until nothing has succeeded for too long. */
export class Patience {
  readonly #options: PatienceOptions;
  #since: number | undefined;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** Something succeeded: the row of failures is over. */
  succeeded(): void {
    if (this.#since === undefined) return;
    this.#since = undefined;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#options.onRecovered?.();
  }

  /** Waits before the next try. @throws the error, when it is not passing or has lasted too long */
  async failed(error: TunnelError, signal: AbortSignal): Promise<void> {
    if (!error.passing) throw error;
    const { clock, totalMs, onTrouble } = this.#options;
    const now = clock.monotonic();
    if (this.#since === undefined) {
      this.#since = now;
      onTrouble?.(error);
    }
    if (now - this.#since >= totalMs) {
      const seconds = Math.round(totalMs / 1000);
      const said = error.message.slice(error.hop.length + 2);
      throw new TunnelError(error.hop, `${said}; given up after ${seconds} s`, { cause: error });
    }
    await clock.sleep(this.#pauseMs, signal);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
