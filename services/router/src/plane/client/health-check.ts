import { names } from '../http/names.ts';
import type { RequestHead } from '../http/request-head.ts';

/** Load balancers that ask on the visitors' port call themselves so, with any Host or none. */
export function isHealthCheck(head: RequestHead): boolean {
  const start = head.at[2 * names['user-agent']] as number;
  return start >= 0 && head.text.startsWith('HTTP-Monitor/', start);
}

/** 200 `ok` or 503. */
export function healthAnswer(up: boolean, keep: boolean): string {
  const lines = `Content-Type: text/plain\r\nCache-Control: private, max-age=0\r\nExpires: 0\r\n${
    keep ? '' : 'Connection: close\r\n'
  }`;
  if (up) return `HTTP/1.1 200 OK\r\n${lines}Content-Length: 3\r\n\r\nok\n`;
  return `HTTP/1.1 503 Service Unavailable\r\n${lines}Retry-After: 5\r\nContent-Length: 9\r\n\r\ndraining\n`;
}
