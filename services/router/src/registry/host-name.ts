/**
 * The lookup key of a Host header or a registered uri: lower case, without port, without the
 * trailing dot of a fully qualified name. Undefined when nothing usable is left.
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
 * The key of one entry of `uris`. Paths are not routed here, so a uri with a path is refused
 * (undefined) rather than widened to its whole host.
 */
export function uriKey(uri: string): string | undefined {
  return /[/?#\s]/.test(uri) ? undefined : hostKey(uri);
}

/** The wildcard keys that may serve a host, nearest first: `a.b.c` gives `*.b.c`, `*.c`. */
export function* wildcardKeys(host: string): Generator<string> {
  let dot = host.indexOf('.');
  while (dot >= 0 && dot < host.length - 1) {
    yield `*${host.slice(dot)}`;
    dot = host.indexOf('.', dot + 1);
  }
}
