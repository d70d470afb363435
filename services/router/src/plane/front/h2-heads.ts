import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import type { ResponseHead } from '../http/response-head.ts';

/** Headers of a connection, which HTTP/2 does not have (RFC 9113 §8.2.2). */
const connectionHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** The head of an HTTP/2 request in HTTP/1.1; `chunked`: a body of unknown length follows. */
export function toHttp1(headers: IncomingHttpHeaders, chunked: boolean): string {
  const { ':method': method = '', ':path': path = '', ':authority': authority, host } = headers;
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${authority ?? host ?? ''}\r\n`;
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || name === 'host' || connectionHeaders.has(name) || value === undefined)
      continue;
    const values = Array.isArray(value) ? value : [value];
    if (name === 'cookie') text += `cookie: ${values.join('; ')}\r\n`;
    else for (const each of values) text += `${name}: ${each}\r\n`;
  }
  return `${text}${chunked ? 'Transfer-Encoding: chunked\r\n' : ''}\r\n`;
}

/** The head of an answer for HTTP/2. */
export function fromHttp1(head: ResponseHead): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ':status': head.status };
  for (const line of head.text.split('\r\n').slice(1, -2)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (connectionHeaders.has(name)) continue;
    const value = line.slice(colon + 1).trim();
    const known = headers[name];
    if (known === undefined) headers[name] = value;
    else headers[name] = [...(Array.isArray(known) ? known : [String(known)]), value];
  }
  return headers;
}
