import type { IncomingMessage } from 'node:http';
import { hostKey } from '../registry/host-name.ts';
import { headerValues } from './raw-headers.ts';
import { routerErrors } from './errors.ts';
import type { RouterError } from './errors.ts';

/** What a request asks for. */
export interface Target {
  /** The authority as the client wrote it, port included. */
  readonly host: string;
  /** The registry's key for it. */
  readonly key: string;
  /** Path and query, untouched. */
  readonly path: string;
}

/** A name or an address, with or without a port: what else comes as Host would reach backends as it is. */
const authority = /^(?:\[[\da-f:.]+\]|[^\s:@/?#\\[\]]+)(?::\d{0,5})?$/i;

/** Reads the request line and the Host header; the authority of an absolute target wins (RFC 9112 §3.2.2). */
export function targetOf(request: IncomingMessage): Target | RouterError {
  if (request.httpVersionMajor !== 1) return routerErrors.badRequest;
  const url = request.url ?? '/';
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/is.exec(url);
  const hosts = headerValues(request.rawHeaders, 'host');
  if (hosts.length > 1) return routerErrors.badRequest;
  const host = (absolute === null ? hosts[0] : absolute[1]?.replace(/^.*@/, ''))?.trim() ?? '';
  const key = hostKey(host);
  if (key === undefined) return routerErrors.emptyHost;
  if (!authority.test(host)) return routerErrors.badRequest;
  if (absolute === null)
    return url.startsWith('/') || url === '*' ? { host, key, path: url } : routerErrors.badRequest;
  const rest = absolute[2] ?? '';
  return { host, key, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** Whether a body follows the request's head. */
export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && !/^0+$/.test(length));
}

/**
 * Whether a request may leave HTTP. One with a body may not, and HTTP/2 without TLS is not offered, as a tunnel would
 * hide its later requests from the router; both are served as ordinary requests (RFC 9110 §7.8 allows that).
 */
export function mayUpgrade(request: IncomingMessage): boolean {
  return !hasBody(request) && !/\bh2c?\b/i.test(request.headers.upgrade ?? '');
}

/** PUT and DELETE are left out: their second answer often differs from the first (404, 412). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Whether the request may be sent a second time after a backend may have acted on it. */
export function isRepeatable(request: IncomingMessage): boolean {
  return idempotent.has(request.method ?? '') && !hasBody(request);
}
