import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** What a token says about its bearer. `expiresAt` is in milliseconds since the epoch. */
export interface TokenClaims {
  userGuid: string;
  email: string;
  /** Must equal the user's present one: a password change ends the tokens made before. */
  passwordEpoch: number;
  expiresAt: number;
}

const claimsSchema = z.object({ u: z.string(), e: z.string(), p: z.number(), x: z.number() });

/** Signs and reads the opaque tokens of API v1: no state, so that any controller with the key reads them. */
export class TokenSigner {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  sign(claims: TokenClaims): string {
    const body = Buffer.from(
      JSON.stringify({ u: claims.userGuid, e: claims.email, p: claims.passwordEpoch, x: claims.expiresAt }),
    ).toString('base64url');
    return `${body}.${this.#mac(body).toString('base64url')}`;
  }

  /** The claims of a token that is ours and not expired; undefined for all others. */
  read(token: string, now: number): TokenClaims | undefined {
    const [body, mac, ...more] = token.split('.');
    if (!body || !mac || more.length > 0) return undefined;
    const given = Buffer.from(mac, 'base64url');
    const expected = this.#mac(body);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const claims = claimsSchema.safeParse(parseJson(Buffer.from(body, 'base64url').toString()));
    if (!claims.success || claims.data.x <= now) return undefined;
    const { u, e, p, x } = claims.data;
    return { userGuid: u, email: e, passwordEpoch: p, expiresAt: x };
  }

  /** A secret that every controller with this key computes alike (bulk and staging passwords left out of the config). */
  derive(purpose: string): string {
    return createHmac('sha256', this.#key).update(`derived:${purpose}`).digest('base64url');
  }

  #mac(body: string): Buffer {
    return createHmac('sha256', this.#key).update(`token:${body}`).digest();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
