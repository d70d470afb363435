import { names } from '../http/names.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { linesOf } from '../http/lines.ts';
import { flat } from '../http/flat.ts';

/** The cookie that binds a session to an instance; its value is the instance's private id. */
export const stickyCookieName = '__VCAP_ID__';

/** The instance a Cookie header asks for, if any. */
export function requestedInstance(cookie: string | undefined): string | undefined {
  if (cookie === undefined || !cookie.includes(stickyCookieName)) return undefined;
  for (const part of cookie.split(';')) {
    const [name, value] = splitPair(part);
    if (name === stickyCookieName && value !== '') return value;
  }
  return undefined;
}

/**
 * The `Set-Cookie` value that makes a new session sticky: issued only when the answer starts a session, with the
 * session cookie's own attributes, always HttpOnly. Undefined when there is no session cookie, or the backend sets the
 * sticky cookie itself.
 */
export function stickyCookie(
  head: ResponseHead,
  instanceId: string | undefined,
  sessionNames: ReadonlySet<string>,
): string | undefined {
  if (instanceId === undefined) return undefined;
  const lines =
    head.cookies === 1 ? [head.value(names['set-cookie']) ?? ''] : linesOf(head.text, 'set-cookie');
  let attributes: string | undefined;
  for (const line of lines) {
    const end = line.indexOf(';');
    const pair = end < 0 ? line : line.slice(0, end);
    const equals = pair.indexOf('=');
    const name = (equals < 0 ? pair : pair.slice(0, equals)).trim();
    if (name === stickyCookieName) return undefined;
    if (isSession(name, sessionNames)) attributes ??= end < 0 ? '' : line.slice(end);
  }
  if (attributes === undefined) return undefined;
  if (attributes !== last.attributes || instanceId !== last.instanceId) {
    const kept = attributes.replace(/;\s*httponly(?=\s*(?:;|$))/gi, '').replace(/[;\s]+$/, '');
    last = {
      attributes: flat(attributes),
      instanceId,
      cookie: flat(`${stickyCookieName}=${instanceId}${kept}; HttpOnly`),
    };
  }
  return last.cookie;
}

let lastName = '';
let lastNames: ReadonlySet<string> | undefined;
let lastIs = false;

/** Most sessions have the same name as the one before. */
function isSession(name: string, names: ReadonlySet<string>): boolean {
  if (name === lastName && names === lastNames) return lastIs;
  lastName = flat(name);
  lastNames = names;
  lastIs = names.has(name);
  return lastIs;
}

/** Sessions of one instance have the same attributes mostly. */
let last = { attributes: '', instanceId: '', cookie: '' };

function splitPair(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at < 0) return [text.trim(), ''];
  const value = text.slice(at + 1).trim();
  return [text.slice(0, at).trim(), value.replace(/^"(.*)"$/, '$1')];
}
