import { CR, isTarget, isToken, LF, SP } from './bytes.ts';
import { readFields, takeCoding, takeConnection, takeLength } from './fields.ts';
import { Head } from './head.ts';
import { names } from './names.ts';

/** The head of a request, with the places of its first line. */
export class RequestHead extends Head {
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;

  get method(): string {
    return this.text.slice(0, this.methodEnd);
  }

  get target(): string {
    return this.text.slice(this.targetStart, this.targetEnd);
  }

  /** Whether a body follows. */
  get hasBody(): boolean {
    return this.chunked || this.length > 0;
  }

  /** Whether the client will read another answer on this connection. */
  get persistent(): boolean {
    return this.minor === 1 ? !this.close : this.keepAlive && !this.close;
  }
}

/**
 * Parses the head of a request from `start`. Returns the place after it, 0 when there is more to come, or a fault.
 * `text` is set on success.
 */
export function parseRequest(head: RequestHead, buffer: Buffer, start: number, end: number): number {
  // An empty line before a request is a remnant of a sloppy client (RFC 9112 §2.2): one is overlooked.
  let at = start;
  if (buffer[at] === CR) {
    if (at + 1 >= end) return 0;
    if (buffer[at + 1] !== LF) return -400;
    at += 2;
  }
  const base = at;
  head.clear(base);
  while (at < end && isToken(buffer[at] as number)) at += 1;
  if (at >= end) return 0;
  if (buffer[at] !== SP || at === base) return -400;
  head.methodEnd = at - base;
  at += 1;
  head.targetStart = at - base;
  while (at < end && isTarget(buffer[at] as number)) at += 1;
  if (at >= end) return 0;
  head.targetEnd = at - base;
  if (buffer[at] !== SP || head.targetEnd === head.targetStart) return -400;
  at += 1;
  const version = versionAt(buffer, at, end);
  if (version <= 0) return version;
  head.minor = version - 1;
  at += 10;
  const after = readFields(head, buffer, at, end, requestRule);
  if (after <= 0) return after;
  if (head.hosts > 1) return -400;
  // RFC 9112 §6.1: a length beside a coding is an attack, and HTTP/1.0 knows no coding.
  if (head.chunked && (head.length >= 0 || head.minor === 0)) return -400;
  head.text = buffer.toString('latin1', base, after);
  return after;
}

const versionText = Buffer.from('HTTP/1.');

/** 1 for HTTP/1.0, 2 for HTTP/1.1, both with their line end; 0 when more is to come. */
function versionAt(buffer: Uint8Array, start: number, end: number): number {
  for (let i = 0; i < 7; i += 1) {
    if (start + i >= end) return 0;
    if (buffer[start + i] !== versionText[i]) return -400;
  }
  const minor = buffer[start + 7];
  if (minor === undefined || start + 7 >= end) return 0;
  if (minor !== 48 && minor !== 49) return -400;
  if (start + 8 < end && buffer[start + 8] !== CR) return -400;
  if (start + 9 >= end) return 0;
  return buffer[start + 9] === LF ? minor - 47 : -400;
}

function requestRule(
  head: Head,
  id: number,
  buffer: Uint8Array,
  start: number,
  end: number,
): 'keep' | 'drop' | 'refuse' {
  switch (id) {
    case names.host:
      head.hosts += 1;
      return 'drop';
    case names['content-length']:
      return takeLength(head, buffer, start, end) ? 'drop' : 'refuse';
    case names['transfer-encoding']:
      return takeCoding(head, buffer, start, end) ? 'drop' : 'refuse';
    case names.connection:
      takeConnection(head, buffer, start, end);
      return 'drop';
    case names.expect:
    case names.upgrade:
    case names['keep-alive']:
    case names['proxy-connection']:
    case names['proxy-authenticate']:
    case names['proxy-authorization']:
    case names.te:
    case names['x-forwarded-for']:
    case names['x-vcap-request-id']:
    case names['x-cf-applicationid']:
    case names['x-cf-instanceid']:
    case names['x-cf-instanceindex']:
    case names['x-cf-app-instance']:
    case names['x-vcap-trace']:
    case names.traceparent:
      return 'drop';
    default:
      return 'keep';
  }
}
