import { names } from '../http/names.ts';
import { withoutNamed } from '../http/fields.ts';
import type { Framing } from '../http/body.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { Endpoint } from '../table/endpoint.ts';
import type { PlaneContext } from '../context.ts';
import { vcapIdLine } from '../ids.ts';
import { stickyCookie } from './sticky.ts';

/** What an answer's head depends on beside the backend's own. */
export interface AnswerFacts {
  /** The lines of the request's ids. */
  readonly idLines: string;
  readonly endpoint: Endpoint;
  /** Whether the client holds the trace key. */
  readonly traced: boolean;
  /** A chunked body follows on the client's side. */
  readonly chunked: boolean;
  /** The line that says what becomes of the connection, or nothing. */
  readonly connection: string;
}

/** The head of an answer to the client as latin1 text, with its empty line. */
export function answerText(context: PlaneContext, head: ResponseHead, facts: AnswerFacts): string {
  const { endpoint, idLines } = facts;
  let text = head.minor === 1 && head.named === undefined ? head.keptWithLine() : '';
  if (text === '') {
    const lines = head.named === undefined ? head.kept() : withoutNamed(head.kept(), head.named);
    text = `HTTP/1.1 ${head.text.slice(9, head.lineEnd)}\r\n${lines}`;
  }
  if (!head.has(names['x-vcap-request-id'])) text += vcapIdLine(idLines);
  if (head.cookies > 0) {
    const cookie = stickyCookie(head, endpoint.facts.privateInstanceId, context.sessionNames);
    if (cookie !== undefined) text += `Set-Cookie: ${cookie}\r\n`;
  }
  if (facts.traced)
    text += `X-Vcap-Router: ${context.address}\r\nX-Vcap-Backend: ${endpoint.facts.address}\r\n`;
  if (facts.chunked) text += 'Transfer-Encoding: chunked\r\n';
  return text + (facts.connection === '' ? '\r\n' : `${facts.connection}\r\n`);
}

/** How the body of an answer ends on the backend's side. */
export function framingOf(head: ResponseHead, method: string): Framing {
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return 'none';
  if (head.chunked) return 'chunked';
  return head.length >= 0 ? 'length' : 'close';
}
