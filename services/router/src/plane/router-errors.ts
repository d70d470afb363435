/** The router's own answers: status, the value of `X-Cf-RouterError`, and what the page says. */
export const routerErrors = {
  badRequest: { status: 400, code: 'bad_request', text: 'The request is malformed.' },
  emptyHost: { status: 400, code: 'empty_host', text: 'Request had empty Host header.' },
  unknownRoute: { status: 404, code: 'unknown_route', text: 'Requested route does not exist.' },
  methodNotAllowed: { status: 405, code: 'method_not_allowed', text: 'CONNECT is not served.' },
  clientTimeout: { status: 408, code: 'client_timeout', text: 'The request took too long.' },
  headersTooLarge: {
    status: 431,
    code: 'max-request-size-exceeded',
    text: 'Request line and headers are too large.',
  },
  endpointFailure: {
    status: 502,
    code: 'endpoint_failure',
    text: 'Registered endpoint failed to handle the request.',
  },
  noEndpoints: {
    status: 503,
    code: 'no_endpoints',
    text: 'Requested route has no available endpoints.',
  },
  overloaded: {
    status: 503,
    code: 'Connection Limit Reached',
    text: 'Every endpoint of the requested route has all the requests it may have.',
  },
  endpointTimeout: {
    status: 504,
    code: 'endpoint_timeout',
    text: 'Registered endpoint did not answer in time.',
  },
} as const;

/** One row of the table. */
export type RouterError = (typeof routerErrors)[keyof typeof routerErrors];

/** What the page of an unknown route says; `host` may stand in a page. */
export function unknownRouteText(host: string): string {
  return `Requested route ('${host}') does not exist.`;
}

/** Methods that every plane serves, as `Allow` tells them. */
export const commonMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

const reasons: Record<RouterError['status'] | 200, string> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** What a status is called. */
export function reasonOf(status: keyof typeof reasons): string {
  return reasons[status];
}

/** The headers of a page, beside those that depend on the request. */
export function pageHeaders({ status, code }: { status: number; code: string }): Record<string, string> {
  return {
    'X-Cf-RouterError': code,
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-cache, no-store',
    ...(status === 503 ? { 'Retry-After': '5' } : {}),
    ...(status === 405 ? { Allow: `${commonMethods}, TRACE` } : {}),
  };
}

/** Headers as they stand in a head. */
export function headerLines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/** Details of one answer: a text instead of the table's, header lines, and whether the body is left out (HEAD). */
export interface ErrorPage {
  readonly text?: string | undefined;
  readonly lines?: string;
  readonly bodiless?: boolean;
}

/** The whole answer as latin1 text, and the size of its body. */
export function errorPage(error: RouterError, page: ErrorPage): { text: string; bytes: number } {
  const body = `${error.status} ${reasons[error.status]}: ${page.text ?? error.text}\n`;
  const text =
    `HTTP/1.1 ${error.status} ${reasons[error.status]}\r\n` +
    headerLines(pageHeaders(error)) +
    `Content-Length: ${body.length}\r\n` +
    `${page.lines ?? ''}\r\n`;
  if (page.bodiless === true) return { text, bytes: 0 };
  return { text: text + body, bytes: body.length };
}
