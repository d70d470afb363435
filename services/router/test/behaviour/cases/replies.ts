/** What `raw.test` answers for a path. */
export interface Reply {
  readonly path: string;
  readonly pieces: readonly string[];
  readonly after?: 'close' | 'reset';
}

const ok = (headers: string, body = ''): string => `HTTP/1.1 200 OK\r\n${headers}\r\n${body}`;

/** All answers of a backend, sound and unsound. */
export const replies: readonly Reply[] = [
  { path: 'length', pieces: [ok('Content-Length: 5\r\n', 'hello')] },
  { path: 'length-in-pieces', pieces: ['HTTP/1.1 2', '00 OK\r\nContent-Le', 'ngth: 5\r\n\r', '\nhe', 'llo'] },
  { path: 'no-reason', pieces: ['HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello'] },
  { path: 'empty-reason', pieces: ['HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello'] },
  { path: 'odd-reason', pieces: ['HTTP/1.1 200 What a \xe9 day\r\nContent-Length: 5\r\n\r\nhello'] },
  { path: 'chunked', pieces: [ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n')] },
  { path: 'chunked-case', pieces: [ok('transfer-encoding: ChunKed\r\n', '5\r\nhello\r\n0\r\n\r\n')] },
  {
    path: 'chunked-in-pieces',
    pieces: [ok('Transfer-Encoding: chunked\r\n'), '2\r', '\nhe\r\n00', '3\r\nl', 'lo', '\r\n0\r\n', '\r\n'],
  },
  {
    path: 'chunk-extension',
    pieces: [ok('Transfer-Encoding: chunked\r\n', '5;a="b"\r\nhello\r\n0;c\r\n\r\n')],
  },
  {
    path: 'trailers',
    pieces: [ok('Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n', '5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n')],
  },
  { path: 'until-close', pieces: [ok('', 'hel'), 'lo'], after: 'close' },
  { path: 'until-close-10', pieces: ['HTTP/1.0 200 OK\r\n\r\nhello'], after: 'close' },
  { path: 'length-10', pieces: ['HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello'], after: 'close' },
  {
    path: 'keep-alive-10',
    pieces: ['HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello'],
  },
  { path: 'closing', pieces: [ok('Connection: close\r\nContent-Length: 5\r\n', 'hello')], after: 'close' },
  { path: 'empty', pieces: [ok('Content-Length: 0\r\n')] },
  { path: 'no-content', pieces: ['HTTP/1.1 204 No Content\r\n\r\n'] },
  { path: 'not-modified', pieces: ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "a"\r\n\r\n'] },
  { path: 'continue-first', pieces: ['HTTP/1.1 100 Continue\r\n\r\n', ok('Content-Length: 5\r\n', 'hello')] },
  {
    path: 'early-hints',
    pieces: ['HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n', ok('Content-Length: 5\r\n', 'hello')],
  },
  { path: 'status-299', pieces: ['HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n'] },
  { path: 'status-500', pieces: ['HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nerror'] },
  { path: 'status-999', pieces: ['HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'] },
  {
    path: 'hop-by-hop',
    pieces: [
      ok(
        'Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nX-Kept: 1\r\nContent-Length: 5\r\n',
        'hello',
      ),
    ],
  },
  { path: 'head-only', pieces: [ok('Content-Length: 500\r\n')] },
  { path: 'head-chunked', pieces: [ok('Transfer-Encoding: chunked\r\n')] },
  {
    path: 'session',
    pieces: [ok('Set-Cookie: JSESSIONID=1; Path=/x; Secure\r\nContent-Length: 5\r\n', 'hello')],
  },
  {
    path: 'more-than-length',
    pieces: [ok('Content-Length: 5\r\n', 'helloHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')],
  },
  // Not answers, or not whole ones.
  { path: 'nothing', pieces: [], after: 'close' },
  { path: 'reset', pieces: [], after: 'reset' },
  { path: 'rubbish', pieces: ['what?\r\n\r\n'], after: 'close' },
  { path: 'half-head', pieces: ['HTTP/1.1 200 OK\r\nContent-'], after: 'close' },
  { path: 'version-2', pieces: ['HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'], after: 'close' },
  { path: 'version-9', pieces: ['hello'], after: 'close' },
  { path: 'status-letters', pieces: ['HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n'], after: 'close' },
  { path: 'status-short', pieces: ['HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'], after: 'close' },
  { path: 'status-099', pieces: ['HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n'], after: 'close' },
  {
    path: 'two-lengths',
    pieces: [ok('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!')],
    after: 'close',
  },
  {
    path: 'length-and-chunked',
    pieces: [ok('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    after: 'close',
  },
  { path: 'length-negative', pieces: [ok('Content-Length: -5\r\n', 'hello')], after: 'close' },
  { path: 'length-list', pieces: [ok('Content-Length: 5, 5\r\n', 'hello')], after: 'close' },
  {
    path: 'coding-unknown',
    pieces: [ok('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
    after: 'close',
  },
  {
    path: 'coding-twice',
    pieces: [ok('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    after: 'close',
  },
  {
    path: 'coding-10',
    pieces: ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    after: 'close',
  },
  { path: 'folded', pieces: [ok('X-A: 1\r\n b\r\nContent-Length: 0\r\n')], after: 'close' },
  { path: 'line-feeds', pieces: ['HTTP/1.1 200 OK\nContent-Length: 0\n\n'], after: 'close' },
  { path: 'nul', pieces: [ok('X-A: a\0b\r\nContent-Length: 0\r\n')], after: 'close' },
  { path: 'space-before-colon', pieces: [ok('X-A : 1\r\nContent-Length: 0\r\n')], after: 'close' },
  { path: 'no-name', pieces: [ok(': 1\r\nContent-Length: 0\r\n')], after: 'close' },
  { path: 'no-colon', pieces: [ok('Rubbish\r\nContent-Length: 0\r\n')], after: 'close' },
  {
    path: 'upgrade-unasked',
    pieces: ['HTTP/1.1 101 Sure\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
    after: 'close',
  },
  { path: 'head-huge', pieces: [ok(`X-A: ${'a'.repeat(300_000)}\r\nContent-Length: 0\r\n`)], after: 'close' },
  // Begun and not finished.
  { path: 'length-cut', pieces: [ok('Content-Length: 50\r\n', 'hello')], after: 'close' },
  { path: 'length-reset', pieces: [ok('Content-Length: 50\r\n', 'hello')], after: 'reset' },
  { path: 'chunked-cut', pieces: [ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n')], after: 'close' },
  {
    path: 'chunked-cut-inside',
    pieces: [ok('Transfer-Encoding: chunked\r\n', '50\r\nhello')],
    after: 'close',
  },
  {
    path: 'chunk-size-rubbish',
    pieces: [ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\nzz\r\n')],
    after: 'close',
  },
  {
    path: 'chunk-too-long',
    pieces: [ok('Transfer-Encoding: chunked\r\n', '5\r\nhello!\r\n0\r\n\r\n')],
    after: 'close',
  },
  {
    path: 'chunk-size-huge',
    pieces: [ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\nFFFFFFFFFFFFFFFF\r\n')],
    after: 'close',
  },
];
