import { newTrace } from '@vcap/bus';
import type { Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { Services } from '../actions/context.ts';
import { takeoverAt } from '../actions/services/gateway-calls.ts';
import { endExpiredTunnels } from '../actions/services/tunnels.ts';
import { unbindLater } from '../actions/services/unbind.ts';
import { unprovision } from '../actions/services/unprovision.ts';
import { inLanes } from '../bits/in-lanes.ts';
import { ApiError } from '../errors.ts';
import type { Operation } from '../repositories/service-operations.ts';

const LOOK_EVERY_MS = 5000;
const BATCH = 50;
const LANES = 10;
const KEEP_MS = 30 * 24 * 60 * 60_000;
const PRUNE_EVERY_LOOKS = 720;
const WHY = 'the controller that did it went away before the gateway answered';

/**
 * Ends operations on services that a dead controller left behind, and repeats deletions that their gateways did not
 * confirm. What a creation of unknown outcome made, if anything, is not known here: the gateway's own check finds it,
 * since no handle of it exists.
 */
export class ServiceJanitor implements Member {
  readonly name = 'service-janitor';
  readonly #services: Services;
  #timer: Timer | undefined;
  #working: Promise<void> | undefined;
  #looks = 0;

  constructor(services: Services) {
    this.#services = services;
  }

  async start(): Promise<void> {
    this.#timer = this.#services.clock.setInterval(() => {
      this.#working ??= this.look()
        .catch((err: unknown) => this.#services.log.warn({ event: 'service-operations-not-read', err }))
        .finally(() => (this.#working = undefined));
    }, LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#services.gateways.close();
    await this.#working;
  }

  /** One look at what is due. */
  async look(): Promise<void> {
    const { store, clock } = this.#services;
    // Side by side, so that a gateway that is away does not hold up the others'.
    await inLanes(await store.services.operations.due(BATCH), LANES, (operation) => this.#end(operation));
    await endExpiredTunnels(this.#services, BATCH);
    if (this.#looks++ % PRUNE_EVERY_LOOKS === 0) await store.services.operations.prune(clock.now() - KEEP_MS);
  }

  async #end(operation: Operation): Promise<void> {
    const { store, log } = this.#services;
    const { instances, operations } = store.services;
    const instance = operation.instanceId === null ? undefined : await instances.byId(operation.instanceId);
    const fields = { kind: operation.kind, target: operation.target };
    if (!instance) {
      await operations.fail(operation.id, 'the service is gone');
      return;
    }
    if (!(await operations.claim(operation, takeoverAt(this.#services, instance)))) return;
    const claimed = { ...operation, attempts: operation.attempts + 1 };
    const trace = newTrace();
    const call = { trace, log: log.child({ trace_id: trace.traceId }) };
    call.log.info({ event: 'service-operation-taken-over', ...fields, attempts: claimed.attempts });
    if (operation.kind === 'unprovision') {
      await unprovision(this.#services, call, instance.id, claimed, true).catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
      });
      return;
    }
    if (operation.kind === 'unbind' && operation.bindingId !== null) {
      await unbindLater(this.#services, call, operation.bindingId, claimed);
      return;
    }
    const { bindingId } = operation;
    await store.services.transaction(async (tx) => {
      if (operation.kind === 'provision') await tx.instances.remove(instance.id, 'creating');
      else if (bindingId !== null) await tx.bindings.remove(bindingId, 'creating');
      await tx.operations.fail(operation.id, WHY);
    });
  }
}
