import type { Clock } from '@vcap/clock';
import type { Logger } from '@vcap/component';

/** Something done again and again; never twice at once. A failed round is logged, and the next one comes as ever. */
export class Every {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #end = new AbortController();
  #running: Promise<void> | undefined;
  #failing = false;

  constructor(name: string, clock: Clock, log: Logger) {
    this.#name = name;
    this.#clock = clock;
    this.#log = log;
  }

  /** The first round comes after one pause. */
  start(pauseMs: number, round: () => Promise<void>): void {
    this.#running = this.#loop(pauseMs, round);
  }

  /** Waits for a round that runs. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #loop(pauseMs: number, round: () => Promise<void>): Promise<void> {
    const { signal } = this.#end;
    for (;;) {
      await this.#clock.sleep(pauseMs, signal);
      if (signal.aborted) return;
      try {
        await round();
        if (this.#failing) this.#log.info({ event: 'daemon-works-again', daemon: this.#name });
        this.#failing = false;
      } catch (err) {
        // Said once for each row of failures, as a server that is away fails every second.
        if (!this.#failing) this.#log.warn({ event: 'daemon-failed', daemon: this.#name, err });
        this.#failing = true;
      }
    }
  }
}
