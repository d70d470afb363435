import { createHash, timingSafeEqual } from 'node:crypto';
import type { Destination } from '../wire/messages.ts';

/** What the bearer of a token may do. */
export interface Grant {
  /** Tunnels belong to an owner: nobody else sees them. Shown in logs, so never a secret. */
  owner: string;
  /** The only places this bearer may be connected to. */
  allows(destination: Destination): boolean;
  /** Milliseconds since the epoch at which the grant ends; absent: with the process. */
  expiresAt?: number;
}

/** Gives the grant of a token, or undefined for one that is missing or wrong. */
export type Authorise = (token: string | undefined) => Grant | undefined;

/** Compares in a time that tells nothing about either text. */
export function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
