import { hostKey } from '../../registry/host-name.ts';
import { flat } from '../http/flat.ts';
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

/** The last host that was good: most requests of a moment ask for the same, and its texts are looked up faster than new ones. */
let last = { host: '', key: '' };

function withHost(host: string, path: string): Target | RouterError {
  if (host !== last.host || host === '') {
    const isPlain = plain.test(host);
    const key = isPlain ? host : hostKey(host);
    if (key === undefined) return routerErrors.emptyHost;
    if (!isPlain && !authority.test(host)) return routerErrors.badRequest;
    last = { host: flat(host), key: flat(key) };
  }
  return { host: last.host, key: last.key, path };
}
