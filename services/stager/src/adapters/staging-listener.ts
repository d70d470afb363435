import type { Bus, Subscription } from '@vcap/bus';
import { stagingStart, stagingStop } from '@vcap/bus';
import type { TaskManager } from '../task/task-manager.ts';

/** Hears `staging.<id>.start` and `staging.stop` for the task manager. */
export class StagingListener {
  readonly name = 'staging-listener';
  readonly #bus: Bus;
  readonly #id: string;
  readonly #tasks: TaskManager;
  #subscriptions: Subscription[] = [];

  constructor(o: { bus: Bus; id: string; tasks: TaskManager }) {
    this.#bus = o.bus;
    this.#id = o.id;
    this.#tasks = o.tasks;
  }

  async start(): Promise<void> {
    this.#subscriptions = [
      this.#bus.subscribe(stagingStop, ({ app_id }, { trace }) => this.#tasks.stopApp(app_id, trace)),
      this.#bus.subscribe(stagingStart.for(this.#id), (message, { reply, trace }) =>
        this.#tasks.start(message, (payload) => reply?.(payload), trace),
      ),
    ];
  }

  /** Waits for the running tasks; their stop messages are still heard. */
  async drain(): Promise<void> {
    await this.#tasks.drain();
  }

  /** Ends the running tasks; they answer before the bus goes away. */
  async stop(): Promise<void> {
    await this.#tasks.close();
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#subscriptions = [];
  }
}
