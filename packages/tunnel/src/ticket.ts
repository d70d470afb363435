import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { destinationSchema } from './wire/messages.ts';

const claimsSchema = z.object({
  /** The session: its tunnels have one owner, and its renewed tickets go on with them. */
  session: z.string().regex(/^[\w-]{1,64}$/),
  /** Whoever asked for it, for logs and audits. */
  user: z.string().max(255),
  /** Guid or name of the service instance, for logs and audits. */
  service: z.string().max(255),
  /** The only place this ticket opens. */
  destination: destinationSchema,
  /** Milliseconds since the epoch. */
  expiresAt: z.int().positive(),
});

/** What a ticket says (docs/decisions/0006). */
export type TicketClaims = z.infer<typeof claimsSchema>;

const LARGEST_TICKET = 2048;
const SHORTEST_KEY = 32;

/**
 * Signs and reads the tickets of direct tunnels: the cloud controller signs, caldecott reads, and they share nothing
 * but the key. Several keys are read, so that one can replace another without a pause; the first one signs.
 */
export class Tickets {
  readonly #keys: readonly string[];

  /** Keys have at least 32 characters. */
  constructor(keys: readonly string[]) {
    if (keys.length === 0) throw new Error('tickets need a key');
    if (keys.some((key) => key.length < SHORTEST_KEY)) {
      throw new Error(`a ticket key must have at least ${SHORTEST_KEY} characters`);
    }
    this.#keys = keys;
  }

  sign(claims: TicketClaims): string {
    const body = Buffer.from(JSON.stringify(claimsSchema.parse(claims))).toString('base64url');
    return `${body}.${mac(this.#keys[0] ?? '', body).toString('base64url')}`;
  }

  /** The claims of a ticket that is ours and not expired at `now`; undefined for all others. */
  read(ticket: string, now: number): TicketClaims | undefined {
    if (ticket.length > LARGEST_TICKET) return undefined;
    const [body, given, ...more] = ticket.split('.');
    if (!body || !given || more.length > 0) return undefined;
    const signature = Buffer.from(given, 'base64url');
    let signed = false;
    for (const key of this.#keys) {
      const expected = mac(key, body);
      if (signature.length === expected.length && timingSafeEqual(signature, expected)) signed = true;
    }
    if (!signed) return undefined;
    const claims = claimsSchema.safeParse(parse(Buffer.from(body, 'base64url').toString()));
    return claims.success && claims.data.expiresAt > now ? claims.data : undefined;
  }
}

function mac(key: string, body: string): Buffer {
  return createHmac('sha256', key).update(`tunnel-ticket-v1:${body}`).digest();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
