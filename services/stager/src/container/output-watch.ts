import { StagingError } from '../domain/staging-error.ts';
import type { Complaints } from './limit-error.ts';

const MB = 1024 * 1024;
/** No build says so much; reading on would only cost the stager's own time. */
const MOST_MB = 64;
/** More than a task's log takes: what comes after is not even cut into lines. */
const HEARD_BYTES = 2 * MB;
const NO_SPACE = /ENOSPC|No space left on device/;
const NO_PROCESS =
  /fork: (retry: )?Resource temporarily unavailable|spawn \S* ?EAGAIN|Cannot fork|can't start new thread/;

/** Looks at what a command says: for hints at a limit that it met, and that it is not endless. */
export class OutputWatch {
  readonly #abort = new AbortController();
  #bytes = 0;
  #space = false;
  #process = false;

  /** Aborts when the command has said too much. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get saw(): Complaints {
    return { space: this.#space, process: this.#process };
  }

  /** Takes the next bytes; false when nobody will hear them. */
  look(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > MOST_MB * MB) {
      this.#abort.abort(
        new StagingError('CompileFailed', `a command wrote more than ${MOST_MB} MB of output`),
      );
      return false;
    }
    if (this.#bytes > HEARD_BYTES) return false;
    const text = chunk.toString('latin1');
    this.#space ||= NO_SPACE.test(text);
    this.#process ||= NO_PROCESS.test(text);
    return true;
  }
}
