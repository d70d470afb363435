const token = 1;
const value = 2;
const target = 4;
const hex = 8;

/** What each byte may be part of; see the tests below. */
const classes = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  classes[char.charCodeAt(0)] = token;
}
for (const char of '0123456789abcdefABCDEF') classes[char.charCodeAt(0)]! |= hex;
for (let byte = 0x20; byte < 256; byte += 1) if (byte !== 0x7f) classes[byte]! |= value;
classes[0x09]! |= value;
for (let byte = 0x21; byte < 0x7f; byte += 1) classes[byte]! |= target;

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const TAB = 9;
export const COLON = 58;

/** A method or a header's name may have it (RFC 9110 §5.6.2). */
export const isToken = (byte: number): boolean => ((classes[byte] as number) & token) !== 0;

/** A header's value may have it: no control bytes but the tab. */
export const isValue = (byte: number): boolean => ((classes[byte] as number) & value) !== 0;

/** A request's target may have it: visible ASCII, all else is to be percent-encoded. */
export const isTarget = (byte: number): boolean => ((classes[byte] as number) & target) !== 0;

/** A chunk's size may have it. */
export const isHex = (byte: number): boolean => ((classes[byte] as number) & hex) !== 0;

/** Whether text is what a byte-wise case-insensitive token comparison calls equal; `word` in lower case. */
export function equalsWord(buffer: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i += 1) {
    if (((buffer[start + i] as number) | 0x20) !== word.charCodeAt(i)) return false;
  }
  return true;
}
