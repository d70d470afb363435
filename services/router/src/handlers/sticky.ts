import type { IncomingMessage } from 'node:http';
import type { Endpoint } from '../registry/endpoint.ts';
import { headerValues } from './raw-headers.ts';

/** The cookie that binds a session to an instance; its value is the instance's private id. */
export const stickyCookieName = '__VCAP_ID__';

/** The instance a request asks for, if any. */
export function requestedInstance(request: IncomingMessage): string | undefined {
  const header = request.headers.cookie;
  if (header === undefined || !header.includes(stickyCookieName)) return undefined;
  for (const part of header.split(';')) {
    const [name, value] = splitPair(part);
    if (name === stickyCookieName && value !== '') return value;
  }
  return undefined;
}

/**
 * The `Set-Cookie` value that makes the new session sticky: issued only when the answer starts a
 * session, with the session cookie's own attributes, always HttpOnly. Undefined when there is no
 * session cookie, the instance has no id, or the backend sets the sticky cookie itself.
 */
export function stickyCookie(
  upstream: IncomingMessage,
  endpoint: Endpoint,
  sessionNames: ReadonlySet<string>,
): string | undefined {
  if (endpoint.privateInstanceId === undefined) return undefined;
  let attributes: string[] | undefined;
  for (const line of headerValues(upstream.rawHeaders, 'set-cookie')) {
    const [pair = '', ...rest] = line.split(';');
    const [name] = splitPair(pair);
    if (name === stickyCookieName) return undefined;
    if (sessionNames.has(name)) attributes ??= rest.map((each) => each.trim());
  }
  if (attributes === undefined) return undefined;
  const kept = attributes.filter((each) => each !== '' && each.toLowerCase() !== 'httponly');
  return [`${stickyCookieName}=${endpoint.privateInstanceId}`, ...kept, 'HttpOnly'].join('; ');
}

function splitPair(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at < 0) return [text.trim(), ''];
  return [
    text.slice(0, at).trim(),
    text
      .slice(at + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1'),
  ];
}
