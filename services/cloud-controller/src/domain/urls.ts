import { ApiError } from '../errors.ts';

/** What the rules for an application's URLs depend on. */
export interface UrlRules {
  /** The cluster's own domain, such as `vcap.me`. */
  systemDomain: string;
  /** The port under which the router is reached: taken off URLs that carry it. */
  routerPort: number | undefined;
  allowExternal: boolean;
  /** First labels under the system domain that only administrators may take. */
  reserved: ReadonlySet<string>;
  /** Host names of the platform itself, which no one may take. */
  own: ReadonlySet<string>;
}

/** A URL split the way routes are stored. */
export interface RouteName {
  host: string;
  domain: string;
  fqdn: string;
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_NAME_LENGTH = 253;

/** Reads one URL as a user types it: scheme, path and the router's own port go. Throws 700 when it is no host name. */
export function parseUrl(typed: string, rules: Pick<UrlRules, 'systemDomain' | 'routerPort'>): RouteName {
  const host = typed
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/[/?#].*$/s, '');
  const [, name, port] = /^([^:]*)(?::(\d+))?$/.exec(host) ?? [];
  if (name === undefined || (port !== undefined && Number(port) !== rules.routerPort))
    throw new ApiError(700, typed);
  const labels = name.replace(/\.$/, '').split('.');
  const fqdn = labels.join('.');
  if (labels.length < 2 || fqdn.length > MAX_NAME_LENGTH || !labels.every((label) => LABEL.test(label))) {
    throw new ApiError(700, typed);
  }
  const suffix = `.${rules.systemDomain}`;
  const internal = fqdn.endsWith(suffix);
  const domain = internal ? rules.systemDomain : labels.slice(1).join('.');
  return { host: fqdn.slice(0, -(domain.length + 1)), domain, fqdn };
}

/**
 * Checks the set of URLs of one app against everything that needs no database; answers it sorted, without
 * doubles. Throws 602 too many, 700 bad syntax, 702 external, 701 reserved.
 */
export function checkUrls(
  typed: readonly string[],
  rules: UrlRules,
  owner: { admin: boolean; maxUris: number },
): RouteName[] {
  if (typed.length > owner.maxUris) throw new ApiError(602, typed.length, owner.maxUris);
  const routes = new Map<string, RouteName>();
  for (const url of typed) {
    const route = parseUrl(url, rules);
    const internal = route.domain === rules.systemDomain;
    if (!internal && !rules.allowExternal && !owner.admin) throw new ApiError(702);
    if (rules.own.has(route.fqdn) || route.fqdn === rules.systemDomain) throw new ApiError(701, url);
    if (internal && !owner.admin && rules.reserved.has(route.host)) throw new ApiError(701, url);
    routes.set(route.fqdn, route);
  }
  return [...routes.values()].sort((a, b) => (a.fqdn < b.fqdn ? -1 : 1));
}
