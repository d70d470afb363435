import { randomFillSync } from 'node:crypto';

/**
 * The lines that tell a request's ids are made for many requests at once, as one text of which each request gets a part:
 * texts joined of parts cost more than all else that a request costs here.
 */
const batch = 128;
const uuid = '00000000-0000-4000-8000-000000000000';
const template =
  `X-Request-Id: ${uuid}\r\nX-Vcap-Request-Id: ${uuid}\r\n` +
  'traceparent: 00-00000000000000000000000000000000-0000000000000000-01\r\n';
const size = template.length;
const requestIdAt = template.indexOf(uuid);
const vcapAt = template.indexOf('X-Vcap');
const vcapIdAt = vcapAt + 'X-Vcap-Request-Id: '.length;
const traceAt = template.indexOf('traceparent');
const traceIdAt = traceAt + 'traceparent: 00-'.length;
const spanIdAt = traceIdAt + 33;
/** Where in a UUID its 16 bytes stand. */
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const randomBytes = 16 + 16 + 8;

const random = Buffer.allocUnsafeSlow(batch * randomBytes);
const bytes = Buffer.from(template.repeat(batch), 'latin1');
const digits = Buffer.from('0123456789abcdef', 'latin1');

let text = '';
let at = 0;

function put(byte: number, to: number): void {
  bytes[to] = digits[byte >> 4] as number;
  bytes[to + 1] = digits[byte & 15] as number;
}

function refill(): void {
  randomFillSync(random);
  let from = 0;
  for (let base = 0; base < bytes.length; base += size) {
    // A random UUID says so: version 4, variant 1.
    random[from + 6] = ((random[from + 6] as number) & 0x0f) | 0x40;
    random[from + 8] = ((random[from + 8] as number) & 0x3f) | 0x80;
    for (let i = 0; i < 16; i += 1) {
      const place = places[i] as number;
      put(random[from + i] as number, base + requestIdAt + place);
      put(random[from + i] as number, base + vcapIdAt + place);
    }
    for (let i = 0; i < 16; i += 1) put(random[from + 16 + i] as number, base + traceIdAt + 2 * i);
    for (let i = 0; i < 8; i += 1) put(random[from + 32 + i] as number, base + spanIdAt + 2 * i);
    from += randomBytes;
  }
  text = bytes.toString('latin1');
  at = 0;
}

/** The three lines of a new request's ids: X-Request-Id, X-Vcap-Request-Id (a UUID), traceparent (sampled). */
export function newIdLines(): string {
  if (at === text.length) refill();
  at += size;
  return text.slice(at - size, at);
}

/** The request's id. */
export function idIn(lines: string): string {
  return lines.slice(vcapIdAt, vcapIdAt + uuid.length);
}

/** The line of X-Request-Id. */
export function requestIdLine(lines: string): string {
  return lines.slice(0, vcapAt);
}

/** The line of X-Vcap-Request-Id. */
export function vcapIdLine(lines: string): string {
  return lines.slice(vcapAt, traceAt);
}

/** The line of traceparent. */
export function traceLine(lines: string): string {
  return lines.slice(traceAt);
}
