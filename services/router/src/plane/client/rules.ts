import type { RequestHead } from '../http/request-head.ts';

/** PUT and DELETE are left out: their second answer often differs from the first (404, 412). */
export function isRepeatable(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE';
}

/**
 * Whether a request may leave HTTP. One with a body may not, and HTTP/2 without TLS is not offered, as a tunnel would
 * hide its later requests from the router; both are served as ordinary requests (RFC 9110 §7.8 allows that).
 */
export function mayUpgrade(head: RequestHead): boolean {
  if (!head.upgrade || head.minor === 0 || head.hasBody) return false;
  const protocol = head.value('upgrade');
  return protocol !== undefined && protocol !== '' && !/\bh2c?\b/i.test(protocol);
}

/** Lacks of this host that say nothing about the backend. */
const localCodes = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/** Whether a connection failed for want of something on this host. */
export function isLocalFailure(error: NodeJS.ErrnoException): boolean {
  return localCodes.has(error.code ?? '');
}
