import { newTrace } from '@vcap/bus';
import type { Timer } from '@vcap/clock';
import type { ComponentContext, Member } from '@vcap/component';
import type { NodeContext } from './context.ts';
import type { Operations } from './operations.ts';

/** Ends what was left half-done, at start and then at intervals, and gathers the service's figures for /varz. */
export class Housekeeping implements Member {
  readonly name = 'housekeeping';
  readonly #context: NodeContext;
  readonly #operations: Operations;
  readonly #varz: ComponentContext<unknown>['varz'];
  #figures: Record<string, unknown> = {};
  #timer: Timer | undefined;
  #round: Promise<void> | undefined;

  constructor(context: NodeContext, operations: Operations, varz: ComponentContext<unknown>['varz']) {
    this.#context = context;
    this.#operations = operations;
    this.#varz = varz;
  }

  async start(): Promise<void> {
    const { clock, config } = this.#context;
    await this.#operations.repair(newTrace());
    this.#timer = clock.setInterval(() => this.#begin(), config.z_interval * 1000);
    this.#begin();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#round;
  }

  /** Rounds never overlap. */
  #begin(): void {
    this.#round ??= this.#run().finally(() => {
      this.#round = undefined;
    });
  }

  async #run(): Promise<void> {
    const { node, log } = this.#context;
    try {
      await this.#operations.repair(newTrace());
      this.#figures = await node.varz();
      for (const key of Object.keys(this.#figures)) this.#varz.set(key, () => this.#figures[key]);
    } catch (err) {
      log.error({ event: 'housekeeping-failed', err });
    }
  }
}
