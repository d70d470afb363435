import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { looksPacked } from '../../src/bits/looks-packed.ts';

const text = Array.from({ length: 5000 }, (_, index) => `line ${index * 7919}`).join('\n');

test.each([
  ['text', Buffer.from(text), false],
  ['base64', Buffer.from(randomBytes(5000).toString('base64')), false],
  ['nothing', Buffer.alloc(0), false],
  ['a short file', randomBytes(200), false],
  ['noise', randomBytes(5000), true],
  ['an archive', gzipSync(randomBytes(9000).toString('base64')), true],
])('%s', (_name, content, packed) => {
  expect(looksPacked(content)).toBe(packed);
});
