import { randomFillSync } from 'node:crypto';

const poolBytes = 16 * 1024;
const pool = Buffer.allocUnsafeSlow(poolBytes);

/** The random bytes as hex digits: parts of one text cost less than a text for each byte. */
let digits = '';
let at = 0;

function take(count: number): number {
  if (at + count > digits.length) {
    randomFillSync(pool);
    digits = pool.toString('hex');
    at = 0;
  }
  const start = at;
  at += count;
  return start;
}

const variants = ['8', '9', 'a', 'b'];

/** A random UUID (version 4), out of a batch of random bytes. */
export function newRequestId(): string {
  const i = take(32);
  const variant = variants[digits.charCodeAt(i + 16) & 3] as string;
  const end = digits.slice(i + 20, i + 32);
  return `${digits.slice(i, i + 8)}-${digits.slice(i + 8, i + 12)}-4${digits.slice(i + 13, i + 16)}-${variant}${digits.slice(i + 17, i + 20)}-${end}`;
}

/** A new W3C `traceparent`, sampled. */
export function newTraceparent(): string {
  const i = take(48);
  return `00-${digits.slice(i, i + 32)}-${digits.slice(i + 32, i + 48)}-01`;
}
