/**
 * The text of what was read last. A parser makes it of a whole small message; who passes the message's body on as text
 * takes a part of it instead of decoding the same bytes again.
 */
let of: Uint8Array | undefined;
let from = 0;
let to = 0;
let text = '';

/** Up to here a message is decoded as a whole. */
const wholeBytes = 2 * 1024;

/** The latin1 text of a message from `start` on, at least up to `after`; all that was read, up to `end`, when that is little. */
export function decodeMessage(buffer: Buffer, start: number, after: number, end: number): string {
  if (end - start > wholeBytes) return buffer.toString('latin1', start, after);
  of = buffer;
  from = start;
  to = end;
  text = buffer.toString('latin1', start, end);
  return text;
}

/** Text of a part of a buffer that is being handled. */
export function textOfPart(buffer: Buffer, start: number, end: number): string {
  if (of === buffer && start >= from && end <= to) return text.slice(start - from, end - from);
  return buffer.toString('latin1', start, end);
}

/** The memory is read into again: its text is of the past. */
export function forgetText(): void {
  of = undefined;
  text = '';
}
