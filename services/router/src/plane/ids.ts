import { randomFillSync } from 'node:crypto';

const pool = Buffer.allocUnsafeSlow(16 * 1024);
let at = pool.length;
const hex = Array.from({ length: 256 }, (_each, byte) => byte.toString(16).padStart(2, '0'));

function room(bytes: number): number {
  if (at + bytes > pool.length) {
    randomFillSync(pool);
    at = 0;
  }
  const start = at;
  at += bytes;
  return start;
}

function digits(start: number, count: number): string {
  let text = '';
  for (let i = start; i < start + count; i += 1) text += hex[pool[i] as number];
  return text;
}

/** A random UUID (version 4), out of a batch of random bytes. */
export function newRequestId(): string {
  const i = room(16);
  pool[i + 6] = ((pool[i + 6] as number) & 0x0f) | 0x40;
  pool[i + 8] = ((pool[i + 8] as number) & 0x3f) | 0x80;
  return `${digits(i, 4)}-${digits(i + 4, 2)}-${digits(i + 6, 2)}-${digits(i + 8, 2)}-${digits(i + 10, 6)}`;
}

/** A new W3C `traceparent`, sampled. */
export function newTraceparent(): string {
  const i = room(24);
  return `00-${digits(i, 16)}-${digits(i + 16, 8)}-01`;
}
