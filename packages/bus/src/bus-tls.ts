import { checkServerIdentity } from 'node:tls';
import type { PeerCertificate } from 'node:tls';

/** Files for connections to `tls://` servers, read anew at each connection: new ones need no restart. */
export interface BusTls {
  /** Authorities, PEM; those that Node.js trusts by default when left out. */
  caFile?: string | undefined;
  /** Our own certificate and its key, for servers that want one. */
  certFile?: string | undefined;
  keyFile?: string | undefined;
}

/** Whether this address is to be spoken to through TLS, and through nothing else. */
export const isSecure = (server: string): boolean => new URL(server).protocol === 'tls:';

/** The host of an address, an IPv6 one without its brackets. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

/** What Node.js is told where a server is known by its address: the client does not pass that on. */
const nameless = 'localhost';

/** A server known by name must have that name; one known by its address has to be one of those that we were given. */
function identityFault(
  host: string,
  certificate: PeerCertificate,
  hosts: readonly string[],
): Error | undefined {
  const wanted = host === nameless ? hosts : [host];
  const faults = wanted.map((each) => checkServerIdentity(each, certificate));
  return faults.includes(undefined) ? undefined : faults[0];
}

/**
 * The client's option `tls`: null forbids TLS, an object demands it. All servers are of one kind, as the client takes
 * any of them. Throws when they are not, or when files are named and no server is `tls://`.
 */
export function tlsOptionOf(servers: readonly string[], tls: BusTls | undefined): object | null {
  const secure = servers.filter(isSecure);
  if (secure.length > 0 && secure.length < servers.length)
    throw new Error('mbus: either all servers are tls://, or none is');
  if (secure.length === 0 && tls !== undefined)
    throw new Error('mbus_tls is for servers that are tls:// in mbus');
  if (secure.length === 0) return null;
  const { caFile, certFile, keyFile } = tls ?? {};
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new Error('mbus_tls: cert_file and key_file go together');
  const hosts = servers.map((server) => hostOf(new URL(server)));
  return {
    checkServerIdentity: (host: string, certificate: PeerCertificate) =>
      identityFault(host, certificate, hosts),
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile, keyFile }),
  };
}
