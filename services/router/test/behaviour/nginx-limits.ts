/** What nginx cannot do, or does in its own way, and the cases of the table that show it; docs/router.md says the same. */
export const nginxLimits: readonly { readonly reason: string; readonly cases: readonly string[] }[] = [
  { reason: 'nginx serves no TRACE', cases: ['method TRACE'] },
  {
    reason: 'nginx reads a target before it passes it on, and refuses what it cannot decode',
    cases: ['target /{id}%zz', 'target /{id}%00', 'OPTIONS *'],
  },
  {
    reason: 'nginx takes a client that ended its side for one that left',
    cases: [
      'a client that ends its side after the request gets the answer',
      'a client that ends its side after two requests gets both answers',
    ],
  },
  {
    reason: 'nginx drops the trailers of requests, unread',
    cases: [
      'trailers pass',
      'trailers that come byte by byte',
      'trailers that route or vouch do not pass',
      'chunked: a trailer without a colon',
      'chunked: a folded trailer',
      'chunked: a trailer with a NUL',
      'chunked: a trailer with a space before the colon',
      'chunked: a trailer with a length',
      'chunked: a trailer with a coding',
      'chunked: trailers without end',
    ],
  },
  {
    reason: 'nginx reads chunks leniently; to the instance they go in one spelling',
    cases: [
      'chunked: a blank after the size',
      'chunked: a size that ends with a line feed',
      'chunked: data that ends with a line feed',
      'chunked: an extension with a NUL',
      'chunked: an extension without end',
      'chunked: a last chunk that ends with a line feed',
      'chunked: a body that ends with a line feed',
    ],
  },
  {
    reason: 'nginx overlooks empty lines before a request and reads HTTP/0.9',
    cases: ['head: no version', 'head: an empty line that is a line feed', 'head: two empty lines before'],
  },
  {
    reason:
      'nginx takes a line feed for the end of a line before Lua sees it; to the instance lines go with both',
    cases: ['framing: a length behind a line feed alone'],
  },
  {
    reason: 'nginx asks for the body of a request that it refuses, and throws it away',
    cases: ['100-continue to nobody: the answer comes instead'],
  },
  {
    reason: 'nginx answers what follows a sound request with 400',
    cases: [
      'rubbish behind a sound request is not answered',
      'the rest of a body behind its length is no request',
    ],
  },
  { reason: 'nginx calls CONNECT malformed: 400 instead of 405', cases: ['CONNECT'] },
  {
    reason: 'nginx 1.22 takes an informational answer for the final one; it is refused',
    cases: ['an answer: continue-first', 'an answer: early-hints'],
  },
  {
    reason: 'nginx takes what has no status line for HTTP/0.9; the connection is cut instead of a 502',
    cases: [
      'no answer: rubbish',
      'no answer: version-9',
      'no answer: status-letters',
      'no answer: status-short',
    ],
  },
  {
    reason: 'nginx takes answers that are not quite HTTP; to the client they go in one spelling',
    cases: [
      'no answer: version-2',
      'no answer: two-lengths',
      'no answer: length-negative',
      'no answer: length-list',
      'no answer: coding-twice',
      'no answer: coding-10',
      'no answer: line-feeds',
      'no answer: no-colon',
    ],
  },
  {
    reason: 'nginx sends the head of an answer with the first of its body, and nothing when that is broken',
    cases: [
      'an answer that is cut off: chunk-size-rubbish',
      'an answer that is cut off: chunk-too-long',
      'an answer that is cut off: chunk-size-huge',
    ],
  },
];
