import type { Clock } from '@vcap/clock';
import type { Endpoint } from '../stream/endpoint.ts';
import type { TunnelInfo } from '../wire/messages.ts';
import type { Caller } from './caller.ts';
import type { CookieJar } from './cookie-jar.ts';
import type { Persistence } from './persistence.ts';

/** An open tunnel and the local program's end of it: what a transport works on. */
export interface Link {
  caller: Caller;
  clock: Clock;
  endpoint: Endpoint;
  info: TunnelInfo;
  cookies: CookieJar;
  /** Whether the server lets one direction end before the other. */
  halfClose: boolean;
  /** How often a renewed token is looked for, in ms. */
  renewalMs: number;
  persistence(): Persistence;
  /** Aborts when the tunnel is to be given up. */
  signal: AbortSignal;
}

/** Bytes of one PUT, and what the peer may send ahead over a WebSocket. */
export const payloadBytes = 1024 * 1024;
