import { get, post, served } from '../case.ts';
import type { Case } from '../case.ts';
import { inPieces } from './requests.ts';

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const chunked = (body: string, headers = '', target = '/{id}'): string =>
  post(`Transfer-Encoding: chunked\r\n${headers}`, body, target);

const sizes = [0, 1, 2, 100, 4095, 4096, 8191, 8192, 16_383, 16_384, 65_535, 65_536, 65_537, 200_000];

const soundChunks: readonly [string, string, string][] = [
  ['one chunk', `${chunk('hello')}0\r\n\r\n`, 'hello'],
  ['no chunk but the last', '0\r\n\r\n', ''],
  ['many chunks', `${'hello'.replace(/./g, (char) => chunk(char))}0\r\n\r\n`, 'hello'],
  ['capital hex', `A\r\n0123456789\r\n0\r\n\r\n`, '0123456789'],
  ['leading zeros', '0005\r\nhello\r\n000\r\n\r\n', 'hello'],
  ['an extension', '5;a=b\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['a quoted extension', '5;a="b;c"\r\nhello\r\n0;d\r\n\r\n', 'hello'],
  ['line ends in the data', `${chunk('\r\n0\r\n\r\n')}0\r\n\r\n`, '\r\n0\r\n\r\n'],
  ['a request in the data', `${chunk(get('', '/smuggled'))}0\r\n\r\n`, get('', '/smuggled')],
  ['a big chunk', `${chunk('x'.repeat(100_000))}0\r\n\r\n`, 'x'.repeat(100_000)],
];

/** Bodies that are sound, in all framings and cuts. */
export const bodies: readonly Case[] = [
  ...sizes.map((size) =>
    served(`a body of ${size} bytes`, post(`Content-Length: ${size}\r\n`, 'x'.repeat(size)), {
      body: 'x'.repeat(size),
    }),
  ),
  ...sizes.map((size) =>
    served(
      `a body of ${size} bytes behind its head`,
      [post(`Content-Length: ${size}\r\n`), 'x'.repeat(size)],
      { body: 'x'.repeat(size) },
    ),
  ),
  served('a length with leading zeros', post('Content-Length: 005\r\n', 'hello'), { body: 'hello' }),
  served('a GET with a body', get('Content-Length: 5\r\n') + 'hello', { body: 'hello' }),
  served(
    'a DELETE with a body',
    'DELETE /{id} HTTP/1.1\r\nHost: echo.test\r\nContent-Length: 5\r\n\r\nhello',
    {
      body: 'hello',
    },
  ),
  served(
    'a body that looks like a request',
    post(`Content-Length: ${get('', '/smuggled').length}\r\n`, get('', '/smuggled')),
    {
      body: get('', '/smuggled'),
    },
  ),
  served(
    'a body of all bytes',
    [post('Content-Length: 256\r\n'), Buffer.from(Array.from({ length: 256 }, (_e, i) => i))],
    {
      body: String.fromCharCode(...Array.from({ length: 256 }, (_e, i) => i)),
    },
  ),
  ...soundChunks.map(([what, body, seen]) => served(`chunked: ${what}`, chunked(body), { body: seen })),
  ...soundChunks
    .slice(0, 9)
    .map(([what, body, seen]) =>
      served(`chunked, byte by byte: ${what}`, [chunked(''), ...inPieces(body, 1)], { body: seen }),
    ),
  ...['chunked', 'Chunked', 'CHUNKED'].map((coding) =>
    served(
      `Transfer-Encoding: ${coding}`,
      post(`Transfer-Encoding: ${coding}\r\n`, '5\r\nhello\r\n0\r\n\r\n'),
      {
        body: 'hello',
      },
    ),
  ),
  served('trailers pass', chunked('5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n', 'Trailer: X-Sum\r\n'), {
    body: 'hello',
    trailers: { 'x-sum': '7' },
  }),
  served(
    'trailers that come byte by byte',
    [chunked(''), ...inPieces('0\r\nX-Sum: 7\r\nX-B: 8\r\n\r\n', 1)],
    {
      trailers: { 'x-sum': '7', 'x-b': '8' },
    },
  ),
  {
    name: 'trailers that route or vouch do not pass',
    send: [chunked('0\r\nX-Forwarded-For: 1\r\nCookie: a\r\nHost: evil\r\nX-Ok: 1\r\n\r\n')],
    expect: {
      statuses: [[200, 400]],
      reached: [{ trailers: { 'x-ok': '1' }, headers: { host: 'echo.test' } }],
    },
  },
  {
    name: 'a chunked body and the next request in one packet',
    send: [chunked('5\r\nhello\r\n0\r\n\r\n', '', '/{id}/1') + get('', '/{id}/2')],
    expect: { statuses: [200, 200], closed: false, reached: [{ body: 'hello' }, { url: '/{id}/2' }] },
  },
  {
    name: 'a body for nobody is thrown away, the next request is served',
    send: [`POST / HTTP/1.1\r\nHost: unknown.test\r\nContent-Length: 5\r\n\r\nhello${get()}`],
    expect: { statuses: [404, 200], closed: false, reached: [{ url: '/{id}' }] },
  },
  {
    name: 'a chunked body for nobody is thrown away, the next request is served',
    send: [
      'POST / HTTP/1.1\r\nHost: unknown.test\r\nTransfer-Encoding: chunked\r\n\r\n',
      '5\r\nhel',
      `lo\r\n0\r\n\r\n${get()}`,
    ],
    expect: { statuses: [404, 200], closed: false, reached: [{ url: '/{id}' }] },
  },
  {
    name: '100-continue: the body is asked for',
    send: [post('Expect: 100-continue\r\nContent-Length: 5\r\n'), 'hello'],
    expect: { statuses: [200], closed: false, reached: [{ body: 'hello', headers: { expect: undefined } }] },
  },
  {
    name: '100-continue to nobody: the answer comes instead',
    send: ['POST / HTTP/1.1\r\nHost: unknown.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n'],
    expect: { statuses: [404], closed: true },
  },
  {
    name: 'a client that ends its side in the middle of a body',
    send: [post('Content-Length: 50\r\n', 'hello')],
    end: true,
    expect: { statuses: [], closed: true, reached: [] },
  },
  {
    name: 'a client that ends its side in the middle of a chunked body',
    send: [chunked('5\r\nhello\r\n')],
    end: true,
    expect: { statuses: [], closed: true, reached: [] },
  },
];
