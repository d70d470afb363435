import type { Case } from '../case.ts';

/** A request to `raw.test` for one of its replies. */
const of = (path: string, method = 'GET', version = '1.1', headers = ''): string =>
  `${method} /${path} HTTP/${version}\r\nHost: raw.test\r\n${headers}\r\n`;

const whole = (path: string, body = 'hello', more: Partial<Case['expect']> = {}): Case => ({
  name: `an answer: ${path}`,
  send: [of(path)],
  expect: { statuses: [200], closed: false, body, reached: [], ...more },
});

const bad = (path: string): Case => ({
  name: `no answer: ${path}`,
  send: [of(path)],
  expect: {
    statuses: [502],
    closed: false,
    reached: [],
    head: /\r\nX-Cf-RouterError: endpoint_failure\r\n/i,
  },
});

const cut = (path: string): Case => ({
  name: `an answer that is cut off: ${path}`,
  send: [of(path)],
  expect: { statuses: [[200, 502]], reached: [], cut: true },
});

const noBody = (path: string, method: string, status: number, more: Partial<Case['expect']> = {}): Case => ({
  name: `an answer without a body: ${method} ${path}, and the next`,
  send: [of(path, method) + of('length')],
  expect: { statuses: [status, 200], closed: false, reached: [], ...more },
});

/** How the router takes what backends say. */
export const answers: readonly Case[] = [
  whole('length', 'hello', { notHead: /transfer-encoding/i }),
  whole('length-in-pieces'),
  whole('no-reason'),
  whole('empty-reason'),
  whole('odd-reason', 'hello', { head: /^HTTP\/1\.1 200 What a \xe9 day\r\n/ }),
  whole('chunked', 'hello', { head: /\r\nTransfer-Encoding: chunked\r\n/i, notHead: /content-length/i }),
  whole('chunked-case'),
  whole('chunked-in-pieces'),
  whole('chunk-extension'),
  whole('trailers'),
  whole('until-close', 'hello', { head: /\r\nTransfer-Encoding: chunked\r\n/i }),
  whole('until-close-10', 'hello', { head: /^HTTP\/1\.1 200 OK\r\n/ }),
  whole('length-10'),
  whole('keep-alive-10'),
  whole('closing', 'hello', { notHead: /\r\nConnection: close\r\n/i }),
  whole('empty', ''),
  whole('continue-first'),
  whole('early-hints'),
  whole('more-than-length'),
  whole('hop-by-hop', 'hello', {
    head: /\r\nX-Kept: 1\r\n/,
    notHead: /X-Hop|Keep-Alive: timeout|Proxy-Authenticate/i,
  }),
  ...['status-299', 'status-999'].map((path): Case => ({
    name: `an answer: ${path}`,
    send: [of(path)],
    expect: { statuses: [Number(path.slice(7))], closed: false, reached: [] },
  })),
  {
    name: 'an error of the application is the application’s',
    send: [of('status-500')],
    expect: { statuses: [500], closed: false, reached: [], body: 'error', notHead: /RouterError/i },
  },
  noBody('no-content', 'GET', 204, { notHead: /content-length|transfer-encoding/i }),
  noBody('not-modified', 'GET', 304),
  noBody('head-only', 'HEAD', 200, { head: /\r\nContent-Length: 500\r\n/i }),
  noBody('head-chunked', 'HEAD', 200),
  noBody('not-modified', 'HEAD', 304),
  {
    name: 'a chunked answer to HTTP/1.0 is unpacked and closed',
    send: [of('chunked', 'GET', '1.0')],
    expect: { statuses: [200], closed: true, reached: [], body: 'hello', notHead: /transfer-encoding/i },
  },
  {
    name: 'a chunked answer in pieces to HTTP/1.0 is unpacked and closed',
    send: [of('chunked-in-pieces', 'GET', '1.0')],
    expect: { statuses: [200], closed: true, reached: [], body: 'hello' },
  },
  {
    name: 'an answer until close to HTTP/1.0',
    send: [of('until-close', 'GET', '1.0')],
    expect: { statuses: [200], closed: true, reached: [], body: 'hello', notHead: /transfer-encoding/i },
  },
  {
    name: 'an answer with a length to HTTP/1.0 that keeps alive, twice',
    send: [of('length', 'GET', '1.0', 'Connection: keep-alive\r\n').repeat(2)],
    expect: { statuses: [200, 200], closed: false, reached: [], head: /\r\nConnection: keep-alive\r\n/i },
  },
  {
    name: 'trailers reach the client',
    send: [of('trailers') + of('length')],
    expect: { statuses: [200, 200], closed: false, reached: [], head: /\r\nTrailer: X-Sum\r\n/i },
  },
  ...[
    'nothing',
    'reset',
    'rubbish',
    'half-head',
    'version-2',
    'version-9',
    'status-letters',
    'status-short',
    'status-099',
    'two-lengths',
    'length-and-chunked',
    'length-negative',
    'length-list',
    'coding-unknown',
    'coding-twice',
    'coding-10',
    'folded',
    'line-feeds',
    'nul',
    'space-before-colon',
    'no-name',
    'no-colon',
    'upgrade-unasked',
    'head-huge',
  ].map(bad),
  ...[
    'length-cut',
    'length-reset',
    'chunked-cut',
    'chunked-cut-inside',
    'chunk-size-rubbish',
    'chunk-too-long',
    'chunk-size-huge',
  ].map(cut),
];
