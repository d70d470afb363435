import { CR, LF } from '../http/bytes.ts';

/**
 * Whether a head that came in pieces is worth parsing again: it is complete, or has a line end that is none. Looks
 * only at the new bytes, so that a client that sends one byte at a time costs no more than its bytes.
 */
export function headMayEnd(buffer: Uint8Array, from: number): boolean {
  for (let at = from; at < buffer.length; at += 1) {
    if (buffer[at] !== LF) continue;
    if (buffer[at - 1] !== CR) return true;
    if (at >= 3 && buffer[at - 2] === LF) return true;
  }
  return false;
}
