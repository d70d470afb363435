import { expect, test } from '@jest/globals';
import { LineSplitter } from '../src/task/line-splitter.ts';

test('lines may be cut anywhere, end in any way, and are not longer than 8 KiB', () => {
  let lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  const bytes = Buffer.from('grüße\r\n\nprogress\rdone\nlast');
  for (const byte of bytes) splitter.push(Buffer.from([byte]));
  splitter.end();
  expect(lines).toEqual(['grüße', '', 'progress', 'done', 'last']);
  lines = [];
  splitter.push(Buffer.alloc(20_000, 'x'));
  splitter.end();
  expect(lines.map(({ length }) => length)).toEqual([8192, 8192, 3616]);
});
