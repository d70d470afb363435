import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function equal(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

/** Lets through only who shows these credentials; the others get 401 in plain text. */
export function basicAuth(expected: { user: string; password: string }): RequestHandler {
  return (request, response, next) => {
    const encoded = /^basic\s+(\S+)$/i.exec(request.get('authorization') ?? '')?.[1];
    const given = encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString();
    if (given !== undefined && equal(given, `${expected.user}:${expected.password}`)) {
      next();
      return;
    }
    response
      .status(401)
      .set('WWW-Authenticate', 'Basic realm="cloud controller"')
      .type('text/plain')
      .send('HTTP Basic: Access denied.\n');
  };
}
