/** Headers the router has something to do with; the numbers index `Head.at`. */
export const names = {
  host: 1,
  'content-length': 2,
  'transfer-encoding': 3,
  connection: 4,
  expect: 5,
  upgrade: 6,
  cookie: 7,
  'set-cookie': 8,
  'x-forwarded-for': 9,
  'x-forwarded-proto': 10,
  'x-forwarded-host': 11,
  'x-request-start': 12,
  'x-request-id': 13,
  'x-vcap-request-id': 14,
  'x-vcap-trace': 15,
  traceparent: 16,
  'user-agent': 17,
  referer: 18,
  'keep-alive': 19,
  'proxy-connection': 20,
  'proxy-authenticate': 21,
  'proxy-authorization': 22,
  te: 23,
  'x-cf-applicationid': 24,
  'x-cf-instanceid': 25,
  'x-cf-instanceindex': 26,
  'x-cf-app-instance': 27,
  'x-cf-proxy-signature': 28,
  'x-cf-routererror': 29,
} as const;

/** Room for one start and one end per name. */
export const nameSlots = 64;

type Candidate = { readonly text: Uint8Array; readonly id: number };

const byLength: (Candidate[] | undefined)[] = [];
for (const [name, id] of Object.entries(names)) {
  (byLength[name.length] ??= []).push({ text: Buffer.from(name), id });
}

/** The number of the header name at a place in a buffer, any case; 0 for all others. */
export function nameAt(buffer: Uint8Array, start: number, end: number): number {
  const candidates = byLength[end - start];
  if (candidates === undefined) return 0;
  for (let i = 0; i < candidates.length; i += 1) {
    const { text, id } = candidates[i] as Candidate;
    let at = 0;
    // `-` has the bit that makes letters small already.
    while (at < text.length && ((buffer[start + at] as number) | 0x20) === text[at]) at += 1;
    if (at === text.length) return id;
  }
  return 0;
}
