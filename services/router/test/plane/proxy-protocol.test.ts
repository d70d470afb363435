import { expect, test } from '@jest/globals';
import { readProxyHeader } from '../../src/plane/front/proxy-protocol.ts';

const signature = '\r\n\r\n\0\r\nQUIT\n';
const v2 = (command: number, family: number, data: number[]): string =>
  `${signature}${String.fromCharCode(0x20 | command, family, data.length >> 8, data.length & 255, ...data)}`;
const four = [192, 0, 2, 1, 10, 0, 0, 1, 0x1f, 0x90, 0, 80];
const six = [
  0x20,
  1,
  0xd,
  0xb8,
  ...Array.from({ length: 11 }, () => 0),
  1,
  ...Array.from({ length: 16 }, () => 0),
  0,
  9,
  0,
  80,
];

test.each<[string, string, { address: string; port: number } | undefined]>([
  ['TCP4', 'PROXY TCP4 192.0.2.1 10.0.0.1 8080 80\r\n', { address: '192.0.2.1', port: 8080 }],
  ['TCP6', 'PROXY TCP6 2001:db8::1 ::1 9 80\r\n', { address: '2001:db8::1', port: 9 }],
  ['UNKNOWN', 'PROXY UNKNOWN\r\n', undefined],
  ['UNKNOWN with addresses', 'PROXY UNKNOWN ff::1 ff::2 1 2\r\n', undefined],
  ['version 2, IPv4', v2(1, 0x11, four), { address: '192.0.2.1', port: 8080 }],
  ['version 2, IPv4 with more', v2(1, 0x11, [...four, 3, 0, 1, 0]), { address: '192.0.2.1', port: 8080 }],
  ['version 2, IPv6', v2(1, 0x21, six), { address: '2001:db8:0:0:0:0:0:1', port: 9 }],
  ['version 2, LOCAL', v2(0, 0, []), undefined],
])('%s is read, whole and only when it is there', (_what, text, origin) => {
  const bytes = Buffer.from(`${text}GET`, 'latin1');
  expect(readProxyHeader(bytes)).toEqual({ origin, end: text.length });
  for (let end = 0; end < text.length; end += 1) expect(readProxyHeader(bytes.subarray(0, end))).toBe('more');
});

test.each([
  'GET / HTTP/1.1\r\n',
  'PROXY TCP4 192.0.2.1 10.0.0.1 99999 80\r\n',
  'PROXY TCP4 a b c d\r\n',
  'PROXY TCP9 192.0.2.1 10.0.0.1 1 2\r\n',
  `PROXY ${'a'.repeat(200)}`,
  '\r\n\r\n\0\r\nQUIX\n0000',
  `${signature}${String.fromCharCode(0x11, 0x11, 0, 12)}aaaaaaaaaaaa`,
  `${signature}${String.fromCharCode(0x2f, 0x11, 0, 12)}aaaaaaaaaaaa`,
  `${signature}${String.fromCharCode(0x21, 0x11, 255, 255)}`,
])('%j is no header', (text) => {
  expect(readProxyHeader(Buffer.from(text, 'latin1'))).toBe('bad');
});
