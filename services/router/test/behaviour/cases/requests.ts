import { get, post, served } from '../case.ts';
import type { Case } from '../case.ts';

const methods = [
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PURGE',
  'REPORT',
  'PROPFIND',
  'M-SEARCH',
];

const targets = [
  '/{id}',
  '//{id}',
  '/{id}/../b',
  '/{id}/./b',
  '/{id}%2f..%2f',
  '/{id}%zz',
  '/{id}%00',
  '/{id}?',
  '/{id}?a=b&c=%20',
  '/{id}?a=/../b',
  '/{id}?http://other.test/',
  '/{id};a=b',
  "/{id}!$&'()*+,;=:@",
  '/{id}~_.-',
  '/{id}[]{}|^`',
  `/{id}${'a'.repeat(8000)}`,
];

const hosts: readonly [string, string][] = [
  ['echo.test', 'as it is'],
  ['ECHO.TEST', 'in capitals'],
  ['Echo.Test:8080', 'with a port'],
  ['echo.test:', 'with an empty port'],
  ['echo.test.', 'fully qualified'],
  ['a.wild.test', 'by a wildcard'],
  ['a.b.wild.test', 'by a wildcard over two labels'],
  ['[2001:db8::1]', 'an IPv6 address'],
  ['[2001:DB8::1]:8080', 'an IPv6 address with a port'],
];

const absolute: readonly [string, string][] = [
  ['http://echo.test/{id}', '/{id}'],
  ['HTTP://ECHO.TEST/{id}', '/{id}'],
  ['http://echo.test:80/{id}?q', '/{id}?q'],
  ['https://echo.test/{id}', '/{id}'],
  ['http://echo.test//{id}', '//{id}'],
];

const passing: readonly [string, string, string, string][] = [
  ['an empty value', 'X-A:', 'x-a', ''],
  ['blanks around a value', 'X-A: \t b \t', 'x-a', 'b'],
  ['no blank before a value', 'X-A:b', 'x-a', 'b'],
  ['a tab in a value', 'X-A: a\tb', 'x-a', 'a\tb'],
  ['bytes above ASCII in a value', 'X-A: \xe9\xff\x80', 'x-a', '\xe9\xff\x80'],
  ['every character of a name', "X!#$%&'*+-.^_`|~0: b", "x!#$%&'*+-.^_`|~0", 'b'],
  ['a quoted value', 'X-A: "a, \\"b\\""', 'x-a', '"a, \\"b\\""'],
  ['a long value', `X-A: ${'a'.repeat(30_000)}`, 'x-a', 'a'.repeat(30_000)],
  ['a value that looks like a header', 'X-A: Content-Length: 5', 'x-a', 'Content-Length: 5'],
  ['a name of one letter', 'a: b', 'a', 'b'],
  ['a name like a known one', 'Content-Lengthy: 5', 'content-lengthy', '5'],
  ['a name with an underscore', 'Content_Length: 5', 'content_length', '5'],
  ['two of one name', 'X-A: 1\r\nX-A: 2', 'x-a', '1, 2'],
  ['a cookie', 'Cookie: a=b; c="d"', 'cookie', 'a=b; c="d"'],
  ['an authorization', 'Authorization: Basic YTpi', 'authorization', 'Basic YTpi'],
  ['a trailer announcement', 'Trailer: X-Sum', 'trailer', 'X-Sum'],
];

const dropped: readonly [string, string, string][] = [
  ['keep-alive', 'Keep-Alive: timeout=5', 'keep-alive'],
  ['proxy-connection', 'Proxy-Connection: keep-alive', 'proxy-connection'],
  ['te', 'TE: trailers', 'te'],
  ['proxy-authorization', 'Proxy-Authorization: Basic YTpi', 'proxy-authorization'],
  ['one that Connection names', 'Connection: X-Hop\r\nX-Hop: 1', 'x-hop'],
  ['one that Connection names in a list', 'Connection: keep-alive , x-HOP,\r\nX-Hop: 1', 'x-hop'],
  ['one that a second Connection names', 'Connection: keep-alive\r\nConnection: x-hop\r\nX-Hop: 1', 'x-hop'],
  ['an upgrade without Connection', 'Upgrade: websocket', 'upgrade'],
  ['a forged X-CF-App-Instance', 'X-CF-App-Instance: guid:0', 'x-cf-app-instance'],
];

const kept: readonly [string, string, string][] = [
  ['Host', 'host', 'echo.test'],
  ['X-Forwarded-For', 'x-forwarded-for', '192.0.2.1, 127.0.0.1'],
  ['X-Forwarded-Proto', 'x-forwarded-proto', '192.0.2.1'],
  ['X-Request-Start', 'x-request-start', '192.0.2.1'],
];

const persistence: readonly [string, string, boolean][] = [
  ['1.1', '', false],
  ['1.1', 'Connection: keep-alive\r\n', false],
  ['1.1', 'Connection: close\r\n', true],
  ['1.1', 'Connection: Close\r\n', true],
  ['1.1', 'Connection: x, close\r\n', true],
  ['1.1', 'Connection: keep-alive\r\nConnection: close\r\n', true],
  ['1.0', '', true],
  ['1.0', 'Connection: keep-alive\r\n', false],
  ['1.0', 'Connection: Keep-Alive\r\n', false],
  ['1.0', 'Connection: keep-alive, close\r\n', true],
];

/** Heads that are sound. */
export const requests: readonly Case[] = [
  ...methods.map((method) =>
    served(`method ${method}`, `${method} /{id} HTTP/1.1\r\nHost: echo.test\r\n\r\n`, { method }),
  ),
  ...targets.map((target) => served(`target ${target.slice(0, 40)}`, get('', target), { url: target })),
  ...hosts.map(([host, how]) =>
    served(`a host ${how}`, `GET /{id} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, { headers: { host } }),
  ),
  ...absolute.map(([target, url]) => served(`absolute target ${target}`, get('', target), { url })),
  served(
    'an absolute target wins over Host',
    `GET http://echo.test/{id} HTTP/1.1\r\nHost: other.test\r\n\r\n`,
    {
      headers: { host: 'echo.test' },
    },
  ),
  served('OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: echo.test\r\nX-Case: {id}\r\n\r\n', { url: '*' }),
  ...passing.map(([what, line, name, value]) =>
    served(`a header passes: ${what}`, get(`${line}\r\n`), { headers: { [name]: value } }),
  ),
  ...dropped.map(([what, line, name]) =>
    served(`a header stays here: ${what}`, get(`${line}\r\n`), { headers: { [name]: undefined } }),
  ),
  ...kept.map(([name, key, value]) =>
    served(
      `Connection takes no header away that vouches: ${name}`,
      get(`Connection: ${name}\r\n${name === 'Host' ? '' : `${name}: 192.0.2.1\r\n`}`),
      { headers: { [key]: value } },
    ),
  ),
  ...persistence.map(([version, headers, closed]): Case => ({
    name: `HTTP/${version} with ${headers.trim().replace('\r\n', ' and ') || 'nothing'} ${closed ? 'closes' : 'stays'}`,
    send: [get(headers, '/{id}', version)],
    expect: { statuses: [200], closed, reached: [{}] },
  })),
  served('an empty line before a request', `\r\n${get()}`),
  served('500 headers', get(Array.from({ length: 500 }, (_each, i) => `X-${i}: ${i}\r\n`).join('')), {
    headers: { 'x-499': '499' },
  }),
  ...[1, 2, 3, 7, 31].map((size) =>
    served(`a head that comes ${size} bytes at a time`, inPieces(get('X-A: 1\r\n'), size), {
      headers: { 'x-a': '1' },
    }),
  ),
  {
    name: 'three pipelined requests are answered in order',
    send: [get('', '/{id}/1') + get('', '/{id}/2') + get('', '/{id}/3')],
    expect: {
      statuses: [200, 200, 200],
      closed: false,
      reached: [{ url: '/{id}/1' }, { url: '/{id}/2' }, { url: '/{id}/3' }],
      body: 'echo /{id}/1',
    },
  },
  {
    name: 'a pipelined request behind a body, the cut in its middle',
    send: [
      post('Content-Length: 4\r\n', 'bodyGET /{id}/2 HT', '/{id}/1'),
      'TP/1.1\r\nHost: echo.test\r\n\r\n',
    ],
    expect: { statuses: [200, 200], closed: false, reached: [{ body: 'body' }, { url: '/{id}/2' }] },
  },
  {
    name: 'what follows Connection: close is not read',
    send: [get('Connection: close\r\n') + get('', '/{id}/after')],
    expect: { statuses: [200], closed: true, reached: [{ url: '/{id}' }] },
  },
  {
    name: 'a pipelined unknown host does not disturb its neighbours',
    send: [get('', '/{id}/1') + 'GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n' + get('', '/{id}/2')],
    expect: { statuses: [200, 404, 200], closed: false, reached: [{}, {}] },
  },
  {
    name: 'a client that ends its side after the request gets the answer',
    send: [get()],
    end: true,
    expect: { statuses: [200], closed: true, reached: [{}] },
  },
  {
    name: 'a client that ends its side after two requests gets both answers',
    send: [get('', '/{id}/1') + get('', '/{id}/2')],
    end: true,
    expect: { statuses: [200, 200], closed: true, reached: [{}, {}] },
  },
];

/** Text cut into pieces of so many bytes. */
export function inPieces(text: string, size: number): string[] {
  const id = text.replaceAll('{id}', '\u0001');
  const pieces = id.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
  return pieces.map((piece) => piece.replaceAll('\u0001', '{id}'));
}
