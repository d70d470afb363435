import { COLON, CR, equalsWord, isToken, isValue, LF, SP, TAB } from './bytes.ts';
import type { Head } from './head.ts';
import { nameAt } from './names.ts';

/** What a kind of message does with a header it knows: keep it, drop it, or refuse the message. */
export type FieldRule = (
  head: Head,
  id: number,
  buffer: Uint8Array,
  start: number,
  end: number,
) => 'keep' | 'drop' | 'refuse';

/**
 * Reads header lines from `at` to the empty line. Returns the place after it, 0 when there is more to come, or a fault: the
 * negated status of an answer to a client; for an answer of a backend any means 502.
 * Strict: what two parsers might read differently (a line feed alone, a folded line, blanks around the name, control
 * bytes) is refused.
 */
export function readFields(
  head: Head,
  buffer: Uint8Array,
  from: number,
  end: number,
  rule: FieldRule,
): number {
  const { base } = head;
  let at = from;
  for (;;) {
    if (at >= end) return 0;
    const lineStart = at;
    let byte = buffer[at] as number;
    if (byte === CR) {
      if (at + 1 >= end) return 0;
      return buffer[at + 1] === LF ? at + 2 : -400;
    }
    while (isToken(byte)) {
      at += 1;
      if (at >= end) return 0;
      byte = buffer[at] as number;
    }
    if (byte !== COLON || at === lineStart) return -400;
    const nameEnd = at;
    at += 1;
    while (at < end && (buffer[at] === SP || buffer[at] === TAB)) at += 1;
    const valueStart = at;
    while (at < end && isValue(buffer[at] as number)) at += 1;
    if (at + 1 >= end) return at < end && buffer[at] !== CR ? -400 : 0;
    if (buffer[at] !== CR || buffer[at + 1] !== LF) return -400;
    const id = nameAt(buffer, lineStart, nameEnd);
    if (id !== 0) {
      let valueEnd = at;
      while (valueEnd > valueStart && (buffer[valueEnd - 1] === SP || buffer[valueEnd - 1] === TAB))
        valueEnd -= 1;
      const kept = rule(head, id, buffer, valueStart, valueEnd);
      if (kept === 'refuse') return -400;
      head.place(id, valueStart - base, valueEnd - base);
      at += 2;
      if (kept === 'drop') continue;
    } else at += 2;
    if (!head.keep(lineStart - base, at - base)) return -431;
  }
}

/** Content-Length: digits only, once, and within what can be counted. */
export function takeLength(head: Head, buffer: Uint8Array, start: number, end: number): boolean {
  if (head.length >= 0 || end === start || end - start > 15) return false;
  let length = 0;
  for (let at = start; at < end; at += 1) {
    const digit = (buffer[at] as number) - 48;
    if (digit < 0 || digit > 9) return false;
    length = length * 10 + digit;
  }
  head.length = length;
  return true;
}

/** Transfer-Encoding: `chunked` alone, once. Other codings are legal but nobody sends them; some hide a request. */
export function takeCoding(head: Head, buffer: Uint8Array, start: number, end: number): boolean {
  // A blank behind it is legal and overlooked by some, and by some not.
  if (head.chunked || buffer[end] !== CR || !equalsWord(buffer, start, end, 'chunked')) return false;
  head.chunked = true;
  return true;
}

/** Connection: the three words that mean something here, and names of headers for one hop. */
export function takeConnection(head: Head, buffer: Uint8Array, start: number, end: number): void {
  let at = start;
  while (at < end) {
    while (at < end && (buffer[at] === SP || buffer[at] === TAB || buffer[at] === 44)) at += 1;
    const wordStart = at;
    while (at < end && buffer[at] !== 44) at += 1;
    let wordEnd = at;
    while (wordEnd > wordStart && (buffer[wordEnd - 1] === SP || buffer[wordEnd - 1] === TAB)) wordEnd -= 1;
    if (wordEnd === wordStart) continue;
    if (equalsWord(buffer, wordStart, wordEnd, 'close')) head.close = true;
    else if (equalsWord(buffer, wordStart, wordEnd, 'keep-alive')) head.keepAlive = true;
    else if (equalsWord(buffer, wordStart, wordEnd, 'upgrade')) head.upgrade = true;
    else {
      const word = Buffer.from(buffer.buffer, buffer.byteOffset + wordStart, wordEnd - wordStart);
      (head.named ??= []).push(word.toString('latin1').toLowerCase());
    }
  }
}

/**
 * Never dropped because a Connection header names them: they frame or address the message, or a front before the
 * router vouches by them and a visitor must not be able to take them away.
 */
export const endToEnd: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'trailer',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-client-cert',
  'x-request-start',
  'x-request-id',
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
]);

/** Takes header lines out that Connection names; rare, so it may cost. */
export function withoutNamed(lines: string, named: readonly string[]): string {
  const dropped = new Set(named.filter((name) => !endToEnd.has(name)));
  if (dropped.size === 0) return lines;
  return lines
    .split('\r\n')
    .filter((line) => !dropped.has(line.slice(0, Math.max(0, line.indexOf(':'))).toLowerCase()))
    .join('\r\n');
}
