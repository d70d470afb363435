import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

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

const reasons: Record<RouterError['status'], string> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** Details of one answer: a text instead of the table's, and headers as a flat name, value list. */
export interface ErrorPage {
  readonly text?: string | undefined;
  readonly headers?: readonly string[];
  readonly close?: boolean;
}

function head(error: RouterError, page: ErrorPage, length: number): string[] {
  const headers = [
    ['X-Cf-RouterError', error.code],
    ['Content-Type', 'text/plain; charset=utf-8'],
    ['X-Content-Type-Options', 'nosniff'],
    ['Cache-Control', 'no-cache, no-store'],
    ['Content-Length', String(length)],
  ].flat();
  headers.push(...(page.headers ?? []));
  if (error.status === 503) headers.push('Retry-After', '5');
  if (page.close === true) headers.push('Connection', 'close');
  return headers;
}

function bodyOf(error: RouterError, page: ErrorPage): Buffer {
  return Buffer.from(`${error.status} ${reasons[error.status]}: ${page.text ?? error.text}\n`);
}

/**
 * Answers with an error page. The rest of the request's body is read and thrown away, so that the
 * client gets to read the answer and its connection stays usable.
 */
export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: RouterError,
  page: ErrorPage = {},
): void {
  const body = bodyOf(error, page);
  response.sendDate = true;
  response.writeHead(error.status, reasons[error.status], head(error, page, body.length));
  response.end(body);
  request.resume();
}

/** The same answer on a bare socket, for requests that never became one; the socket is closed. */
export function sendRawError(socket: Duplex, error: RouterError): void {
  const body = bodyOf(error, {});
  const headers = head(error, { close: true }, body.length);
  let text = `HTTP/1.1 ${error.status} ${reasons[error.status]}\r\n`;
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  socket.end(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), body]));
}
