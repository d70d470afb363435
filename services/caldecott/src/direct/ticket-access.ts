import type { Clock } from '@vcap/clock';
import { sameSecret } from '@vcap/tunnel';
import type { Authorise, Grant, TicketClaims, Tickets } from '@vcap/tunnel';

/** What is remembered of a session while it has tunnels or a valid ticket. */
export type SessionFacts = Pick<TicketClaims, 'user' | 'service'>;

/** A revoked session's tickets cannot outlive this: tickets are made for less. */
const LONGEST_TICKET_MS = 24 * 3600 * 1000;

/** Turns tickets into grants, and keeps the sessions that were revoked out although their tickets are still valid. */
export class TicketAccess {
  readonly #tickets: Tickets;
  readonly #clock: Clock;
  readonly #revoked = new Map<string, number>();
  readonly #facts = new Map<string, SessionFacts & { until: number }>();

  constructor(tickets: Tickets, clock: Clock) {
    this.#tickets = tickets;
    this.#clock = clock;
  }

  readonly authorise: Authorise = (ticket) => {
    const now = this.#clock.now();
    const claims = ticket === undefined ? undefined : this.#tickets.read(ticket, now);
    if (claims === undefined || this.#revoked.has(claims.session)) return undefined;
    if (claims.expiresAt - now > LONGEST_TICKET_MS) return undefined;
    const { session, user, service, destination, expiresAt } = claims;
    const known = this.#facts.get(session);
    this.#facts.set(session, { user, service, until: Math.max(expiresAt, known?.until ?? 0) });
    const grant: Grant = {
      owner: session,
      expiresAt,
      allows: ({ host, port }) => port === destination.port && sameSecret(host, destination.host),
    };
    return grant;
  };

  /** Who a session belongs to, for audits. */
  factsOf(session: string): SessionFacts | undefined {
    return this.#facts.get(session);
  }

  /** From now on no ticket of the session is good for anything. */
  revoke(session: string): void {
    this.#revoked.set(session, this.#clock.now() + LONGEST_TICKET_MS);
  }

  /** Forgets what no valid ticket can refer to any more. */
  sweep(): void {
    const now = this.#clock.now();
    for (const [session, until] of this.#revoked) if (until <= now) this.#revoked.delete(session);
    // A tunnel of an expired ticket is cut by its own sweep, and reported, within a minute.
    for (const [session, { until }] of this.#facts) if (until + 60_000 <= now) this.#facts.delete(session);
  }
}
