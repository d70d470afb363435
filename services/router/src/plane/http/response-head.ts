import { CR, isValue, LF, SP } from './bytes.ts';
import { readFields, takeCoding, takeConnection, takeLength } from './fields.ts';
import { Head } from './head.ts';
import { names } from './names.ts';
import { decodeMessage } from './read-text.ts';

/** The head of an answer. */
export class ResponseHead extends Head {
  status = 0;
  /** The reason's end: the status line is `text.slice(9, lineEnd)` after the version. */
  lineEnd = 0;
  /** Whether there is a Set-Cookie, and so perhaps a session. */
  cookies = 0;

  /** The status line and all that passes in one part, or empty when they do not touch. */
  keptWithLine(): string {
    const { runs, runCount, text, lineEnd } = this;
    if (runCount === 0 || runs[0] !== lineEnd + 2) return '';
    let out = text.slice(0, runs[1]);
    for (let i = 2; i < runCount; i += 2) out += text.slice(runs[i], runs[i + 1]);
    return out;
  }
}

/** Parses the head of an answer from `start`, as `parseRequest` does. */
export function parseResponse(head: ResponseHead, buffer: Buffer, start: number, end: number): number {
  head.clear(start);
  head.cookies = 0;
  const status = statusAt(head, buffer, start, end);
  if (status <= 0) return status;
  head.status = status;
  let at = start + 12;
  if (buffer[at] === SP) {
    at += 1;
    while (at < end && isValue(buffer[at] as number)) at += 1;
  }
  if (at + 1 >= end) return at < end && buffer[at] !== CR ? -400 : 0;
  if (buffer[at] !== CR || buffer[at + 1] !== LF) return -400;
  head.lineEnd = at - start;
  const after = readFields(head, buffer, at + 2, end, responseRule);
  if (after <= 0) return after;
  if (head.chunked && head.length >= 0) return -400;
  head.text = decodeMessage(buffer, start, after, end);
  return after;
}

const versionText = Buffer.from('HTTP/1.');

/** The status, 0 when more is to come. */
function statusAt(head: Head, buffer: Uint8Array, start: number, end: number): number {
  for (let i = 0; i < 7; i += 1) {
    if (start + i >= end) return 0;
    if (buffer[start + i] !== versionText[i]) return -400;
  }
  if (start + 13 > end) return 0;
  const minor = (buffer[start + 7] as number) - 48;
  if ((minor !== 0 && minor !== 1) || buffer[start + 8] !== SP) return -400;
  head.minor = minor;
  let status = 0;
  for (let at = start + 9; at < start + 12; at += 1) {
    const digit = (buffer[at] as number) - 48;
    if (digit < 0 || digit > 9) return -400;
    status = status * 10 + digit;
  }
  if (status < 100 || status > 999) return -400;
  return buffer[start + 12] === SP || buffer[start + 12] === CR ? status : -400;
}

function responseRule(
  head: Head,
  id: number,
  buffer: Uint8Array,
  start: number,
  end: number,
): 'keep' | 'drop' | 'refuse' {
  switch (id) {
    case names['content-length']:
      return takeLength(head, buffer, start, end) ? 'keep' : 'refuse';
    case names['transfer-encoding']:
      return takeCoding(head, buffer, start, end) ? 'drop' : 'refuse';
    case names.connection:
      takeConnection(head, buffer, start, end);
      return 'drop';
    case names['set-cookie']:
      (head as ResponseHead).cookies += 1;
      return 'keep';
    case names.upgrade:
    case names['keep-alive']:
    case names['proxy-connection']:
    case names['proxy-authenticate']:
    case names['proxy-authorization']:
    case names.te:
    case names['x-cf-proxy-signature']:
      return 'drop';
    default:
      return 'keep';
  }
}
