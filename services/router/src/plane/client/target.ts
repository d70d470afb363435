import { hostKey } from '../../registry/host-name.ts';
import { flat } from './flat.ts';
import { routerErrors } from '../router-errors.ts';
import type { RouterError } from '../router-errors.ts';

/** What a request asks for. */
export interface Target {
  /** The authority as the client wrote it, port included. */
  readonly host: string;
  /** The table's key for it. */
  readonly key: string;
  /** Path and query, untouched. */
  readonly path: string;
}

/** A name or an address, with or without a port: what else comes as Host would reach backends as it is. */
const authority = /^(?:\[[\da-f:.]+\]|[\w.~%!$&'()*+;=-]+)(?::\d{0,5})?$/i;
const plain = /^[a-z\d-]+(?:\.[a-z\d-]+)*$/;

/** Reads target and Host; the authority of an absolute target wins (RFC 9112 §3.2.2). */
export function targetOf(
  method: string,
  target: string,
  hostHeader: string | undefined,
): Target | RouterError {
  if (method === 'CONNECT') return routerErrors.methodNotAllowed;
  if (target.charCodeAt(0) === 47) return withHost(hostHeader ?? '', target);
  if (target === '*')
    return method === 'OPTIONS' ? withHost(hostHeader ?? '', target) : routerErrors.badRequest;
  const absolute = /^https?:\/\/([^/?#]*)((?:[/?].*)?)$/is.exec(target);
  if (absolute === null) return routerErrors.badRequest;
  const rest = absolute[2] ?? '';
  return withHost(absolute[1]?.replace(/^.*@/, '') ?? '', rest.startsWith('/') ? rest : `/${rest}`);
}

/** The last plain host: most requests of a moment ask for the same, and its text is looked up faster than a new one. */
let lastHost = '';

function withHost(host: string, path: string): Target | RouterError {
  if (host === lastHost && host !== '') return { host: lastHost, key: lastHost, path };
  if (plain.test(host)) {
    lastHost = flat(host);
    return { host: lastHost, key: lastHost, path };
  }
  const key = hostKey(host);
  if (key === undefined) return routerErrors.emptyHost;
  return authority.test(host) ? { host, key, path } : routerErrors.badRequest;
}
