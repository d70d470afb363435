/** Headers as Node keeps them off the wire: name, value, name, value; order and case untouched. */
export type RawHeaders = readonly string[];

/** The pairs of a raw header list. */
export function* headerPairs(raw: RawHeaders): Generator<readonly [name: string, value: string]> {
  for (let i = 0; i + 1 < raw.length; i += 2) yield [raw[i] ?? '', raw[i + 1] ?? ''];
}

/** All values of one header; `name` in lower case. */
export function headerValues(raw: RawHeaders, name: string): string[] {
  const values: string[] = [];
  for (const [key, value] of headerPairs(raw)) if (key.toLowerCase() === name) values.push(value);
  return values;
}

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'upgrade',
]);

/**
 * Never dropped because a Connection header names them: they frame or address the message, or a front before the
 * router vouches by them and a visitor must not be able to take them away.
 */
const endToEnd = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'trailer',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-client-cert',
  'x-request-start',
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
]);

/** The lower-case names that must not pass to the next hop, those named by Connection included. */
export function hopByHopNames(raw: RawHeaders): ReadonlySet<string> {
  let names = hopByHop;
  for (const value of headerValues(raw, 'connection')) {
    for (const token of value.split(',')) {
      const name = token.trim().toLowerCase();
      if (name === '' || endToEnd.has(name) || names.has(name)) continue;
      if (names === hopByHop) names = new Set(hopByHop);
      names.add(name);
    }
  }
  return names;
}
