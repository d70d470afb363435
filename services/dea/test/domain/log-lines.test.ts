import { describe, expect, test } from '@jest/globals';
import { LONGEST_LINE, LineSplitter } from '../../src/logs/line-splitter.ts';
import { RateLimit } from '../../src/logs/rate-limit.ts';

function split(
  chunks: (string | Buffer)[],
  room = Infinity,
): { lines: string[]; dropped: number; bytes: number } {
  const told = { lines: [] as string[], dropped: 0, bytes: 0 };
  const splitter = new LineSplitter();
  const sink = {
    line: (text: Buffer, bytes: number) => {
      if (told.lines.length >= room) return false;
      told.lines.push(text.toString());
      told.bytes += bytes;
      return true;
    },
    dropped: (lines: number, bytes: number) => {
      told.dropped += lines;
      told.bytes += bytes;
    },
  };
  for (const chunk of chunks) splitter.push(Buffer.from(chunk), sink);
  splitter.flush(sink);
  return told;
}

describe('the line splitter', () => {
  test('joins what came in pieces and holds back a line without end until it is flushed', () => {
    expect(split(['a', 'b\nc', '\n\nd']).lines).toEqual(['ab', 'c', '', 'd']);
  });

  test('cuts long lines between characters', () => {
    const { lines } = split([`${'é'.repeat(LONGEST_LINE)}\nnext\n`]);
    expect(lines.at(-1)).toBe('next');
    expect(lines.slice(0, -1).join('')).toBe('é'.repeat(LONGEST_LINE));
    expect(lines.every((line) => Buffer.byteLength(line) <= LONGEST_LINE && !line.includes('�'))).toBe(true);
  });

  test('goes on with bytes that are no text', () => {
    expect(split([Buffer.alloc(20_000, 0x80), '\nnext\n']).lines.at(-1)).toBe('next');
  });

  test('counts what there is no room for, whatever the pieces are', () => {
    const text = Array.from({ length: 1000 }, (_, index) => `line ${index}\n`).join('');
    for (const size of [1, 7, 100, text.length]) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
        text.slice(at * size, (at + 1) * size),
      );
      const { bytes, dropped, lines } = split(chunks, 10);
      expect([lines.length, dropped, bytes]).toEqual([10, 990, text.length]);
    }
  });
});

test('the limit gives its burst at once and then its rate', () => {
  const limits = { linesPerSecond: 10, bytesPerSecond: 1000, burstLines: 20, burstBytes: 500 };
  const limit = new RateLimit(limits, 0);
  const takes = (bytes: number): number => {
    let count = 0;
    while (limit.take(bytes)) count += 1;
    return count;
  };
  expect(takes(1)).toBe(20);
  limit.refill(1000);
  expect(takes(1)).toBe(10);
  limit.refill(60_000);
  expect(takes(100)).toBe(5);
});
