import type { Clock, Timer } from '@vcap/clock';
import { withDeadline } from '@vcap/clock';
import type { LogStore } from './log-store.ts';
import type { TaskLog } from './task-log.ts';

const RETRY_MS = 1000;
const LEASE_MS = 5000;
const FINISH_MS = 2000;
const CHUNK_BYTES = 64 * 1024;

/**
 * Copies one task's log to the store while it grows, and keeps the task's lease. The task never waits
 * for the store; while that is away the log grows in memory and is sent when it is back.
 */
export class LogPublisher {
  readonly #taskId: string;
  readonly #token: string;
  readonly #owner: string;
  readonly #log: TaskLog;
  readonly #store: LogStore;
  readonly #clock: Clock;
  #opened = false;
  #sent = 0;
  #pump: Promise<void> | undefined;
  #retry: Timer | undefined;
  #lease: Timer | undefined;
  #closed = false;

  constructor(o: {
    taskId: string;
    token: string;
    owner: string;
    log: TaskLog;
    store: LogStore;
    clock: Clock;
  }) {
    this.#taskId = o.taskId;
    this.#token = o.token;
    this.#owner = o.owner;
    this.#log = o.log;
    this.#store = o.store;
    this.#clock = o.clock;
  }

  /** Begins to send what is there and what comes. */
  start(): void {
    const lease = (): void => void this.#store.lease(this.#taskId, this.#owner).catch(() => undefined);
    lease();
    this.#lease = this.#clock.setInterval(lease, LEASE_MS);
    this.#log.onAppend(() => this.#wake());
    this.#wake();
  }

  /** Sends the rest, marks the log complete and ends the lease; gives up after 2 s. */
  async finish(): Promise<boolean> {
    this.#closed = true;
    this.#lease?.cancel();
    this.#retry?.cancel();
    const rest = async (): Promise<void> => {
      await this.#pump;
      await this.#send();
      await this.#store.complete(this.#taskId);
      await this.#store.release(this.#taskId);
    };
    try {
      await withDeadline(this.#clock, FINISH_MS, 'sending the staging log', rest());
      return true;
    } catch {
      return false;
    }
  }

  #wake(): void {
    if (this.#closed || this.#pump || this.#retry) return;
    this.#pump = this.#send()
      .catch(() => {
        if (this.#closed) return;
        this.#retry = this.#clock.setTimeout(() => {
          this.#retry = undefined;
          this.#wake();
        }, RETRY_MS);
      })
      .finally(() => {
        this.#pump = undefined;
        // Lines that came between the last write and now.
        if (this.#sent < this.#log.length) this.#wake();
      });
  }

  async #send(): Promise<void> {
    if (!this.#opened) {
      await this.#store.open(this.#taskId, this.#token);
      this.#opened = true;
    }
    while (this.#sent < this.#log.length) {
      const bytes = this.#log.from(this.#sent, CHUNK_BYTES);
      await this.#store.write(this.#taskId, this.#sent, bytes);
      this.#sent += bytes.length;
    }
  }
}
