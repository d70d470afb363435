import { names } from '../http/names.ts';
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
  const protocol = head.value(names.upgrade);
  return protocol !== undefined && protocol !== '' && !/\bh2c?\b/i.test(protocol);
}

/** Lacks of this host that say nothing about the backend. */
const localCodes = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);

/** Whether a connection failed for want of something on this host. */
export function isLocalFailure(error: NodeJS.ErrnoException): boolean {
  return localCodes.has(error.code ?? '');
}

/** After these nobody knows where the client's next request would begin. */
export const closing: ReadonlySet<number> = new Set([400, 405, 408]);

/** The value of the header that the policy `hash` goes by. */
export function hashValue(head: RequestHead, name: string): string | undefined {
  const at = head.text.toLowerCase().indexOf(`\r\n${name}:`);
  if (at < 0) return undefined;
  const start = at + name.length + 3;
  return head.text.slice(start, head.text.indexOf('\r\n', start)).trim();
}

/** A host as it may stand in a page. */
export function printable(host: string): string {
  return host.replace(/[^\w.:*[\]-]/g, '?').slice(0, 255);
}
