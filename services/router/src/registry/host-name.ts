/**
 * The lookup key of a Host header: lower case, without port, without the trailing dot of a fully qualified name.
 * Undefined when nothing usable is left.
 */
export function hostKey(host: string | undefined): string | undefined {
  if (host === undefined) return undefined;
  let name = host.trim().toLowerCase();
  if (name.startsWith('[')) {
    const end = name.indexOf(']');
    name = end < 0 ? '' : name.slice(0, end + 1);
  } else {
    const colon = name.indexOf(':');
    if (colon >= 0) name = name.slice(0, colon);
  }
  if (name.endsWith('.')) name = name.slice(0, -1);
  return name === '' ? undefined : name;
}

/**
 * The key of one entry of `uris`: the host's, followed by the path if there is one, without a slash at its end. Paths
 * keep their case. Undefined for what cannot be a route.
 */
export function uriKey(uri: string): string | undefined {
  if (/[?#\s]/.test(uri)) return undefined;
  const slash = uri.indexOf('/');
  if (slash < 0) return hostKey(uri);
  const host = hostKey(uri.slice(0, slash));
  return host === undefined ? undefined : host + uri.slice(slash).replace(/\/+$/, '');
}

/** The wildcard keys that may serve a host, nearest first: `a.b.c` gives `*.b.c`, `*.c`. */
export function* wildcardKeys(host: string): Generator<string> {
  let dot = host.indexOf('.');
  while (dot >= 0 && dot < host.length - 1) {
    yield `*${host.slice(dot)}`;
    dot = host.indexOf('.', dot + 1);
  }
}
