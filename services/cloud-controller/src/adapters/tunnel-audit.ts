import { createHash } from 'node:crypto';
import { tunnelSession } from '@vcap/bus';
import type { Bus, Logger, Subscription } from '@vcap/bus';
import type { Member } from '@vcap/component';
import type { Events } from '../repositories/events.ts';

/** Writes down who used a direct tunnel, when and how much. Every controller hears of it; one row is kept. */
export class TunnelAudit implements Member {
  readonly name = 'tunnel-audit';
  readonly #o: { bus: Bus; events: Events; log: Logger };
  #subscription: Subscription | undefined;

  constructor(o: { bus: Bus; events: Events; log: Logger }) {
    this.#o = o;
  }

  async start(): Promise<void> {
    const { bus, events } = this.#o;
    this.#subscription = bus.subscribe(tunnelSession, async (message, { trace }) => {
      const { session, tunnel, event, user, service, reason, bytes_in, bytes_out, duration_ms } = message;
      await events.recordOnce(
        createHash('sha256').update(`${session} ${tunnel} ${event}`).digest('hex').slice(0, 36),
        {
          type: `tunnel.${event}`,
          actor: user.slice(0, 255),
          realActor: null,
          targetType: 'service_instance',
          target: service,
          traceId: trace.traceId,
          detail: { session, tunnel, reason, bytes_in, bytes_out, duration_ms },
        },
      );
    });
  }

  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
  }
}
