import { tunnelRevoke } from '@vcap/bus';
import type { Bus, Logger, Subscription } from '@vcap/bus';
import type { Member } from '@vcap/component';
import type { TunnelServer } from '@vcap/tunnel';
import type { TicketAccess } from '../direct/ticket-access.ts';

/** Cuts the tunnels of a session that its cloud controller ended. */
export class RevocationListener implements Member {
  readonly name = 'revocation-listener';
  readonly #parts: { bus: Bus; log: Logger; access: TicketAccess; tunnels: TunnelServer };
  #subscription: Subscription | undefined;

  constructor(parts: { bus: Bus; log: Logger; access: TicketAccess; tunnels: TunnelServer }) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { bus, log, access, tunnels } = this.#parts;
    this.#subscription = bus.subscribe(tunnelRevoke, ({ session, reason }) => {
      access.revoke(session);
      const cut = tunnels.registry.revoke(session, reason ?? 'the session was ended');
      log.info({ event: 'session-revoked', session, cut });
    });
  }

  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
  }
}
