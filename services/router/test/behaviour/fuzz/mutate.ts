import type { Random } from './random.ts';

const bytes = [
  '\r',
  '\n',
  '\r\n',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '\0',
  '\x0b',
  '\x7f',
  '\xff',
  '0',
  '9',
  'a',
  '/',
  '-',
  '_',
];
const lines = [
  'Content-Length: 0',
  'Content-Length: 5',
  'Content-Length: 11',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: Content-Length',
  'Connection: Transfer-Encoding',
  'Host: other.test',
  'Expect: 100-continue',
  'Trailer: X-A',
  ' folded',
  'X-A: 1',
];
const words = [
  'chunked',
  'Content-Length',
  'Transfer-Encoding',
  'HTTP/1.1',
  'HTTP/1.0',
  '0\r\n\r\n',
  '5\r\nhello\r\n',
  'ffffffff',
];

/** A message a little different from a sound one; text is latin1. */
export function mutate(text: string, others: readonly string[], random: Random): string {
  let out = text;
  for (let times = 1 + random.below(3); times > 0; times -= 1) out = once(out, others, random);
  return out;
}

function once(text: string, others: readonly string[], random: Random): string {
  const at = random.below(text.length + 1);
  const to = at + random.below(8);
  switch (random.below(9)) {
    case 0:
      return text.slice(0, at) + random.of(bytes) + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(to);
    case 2:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 3:
      return text.slice(0, at) + random.of(words) + text.slice(at);
    case 4:
      return insertLine(text, random.of(lines), random);
    case 5:
      return text.slice(0, at) + random.of(others).slice(random.below(20));
    case 6:
      return text.replace('\r\n', random.of(['\n', '\r', '\r\r\n', '\n\r\n', ' \r\n']));
    case 7: {
      const found = text.split('\r\n');
      const line = random.below(found.length);
      found.splice(line, 0, found[line] ?? '');
      return found.join('\r\n');
    }
    default:
      return text.slice(0, at) + text.slice(at, to).toUpperCase() + text.slice(to);
  }
}

function insertLine(text: string, line: string, random: Random): string {
  const parts = text.split('\r\n');
  parts.splice(1 + random.below(Math.max(1, parts.length - 1)), 0, line);
  return parts.join('\r\n');
}
