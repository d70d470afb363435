import { healthAgent, healthPages } from '../../health-page.ts';
import { names } from '../http/names.ts';
import type { RequestHead } from '../http/request-head.ts';
import { headerLines, reasonOf } from '../router-errors.ts';

/** Whether a load balancer asks on the visitors' port, with any Host or none. */
export function isHealthCheck(head: RequestHead): boolean {
  const start = head.at[2 * names['user-agent']] as number;
  return start >= 0 && head.text.startsWith(healthAgent, start);
}

/** The whole answer as text. */
export function healthAnswer(up: boolean, keep: boolean): string {
  const { status, headers, body } = healthPages[up ? 'up' : 'draining'];
  const lines = `${headerLines(headers)}${keep ? '' : 'Connection: close\r\n'}Content-Length: ${body.length}\r\n`;
  return `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${lines}\r\n${body}`;
}
