import type { IncomingMessage } from 'node:http';
import type { Endpoint } from '../registry/endpoint.ts';
import { headerPairs, hopByHopNames } from './raw-headers.ts';
import { stickyCookie } from './sticky.ts';

/** What the router adds to an answer. */
export interface ResponseFacts {
  readonly requestId: string;
  readonly endpoint: Endpoint;
  readonly stickyCookieNames: ReadonlySet<string>;
  /** `close` while draining; the new protocol for a 101; undefined leaves it to the server. */
  readonly connection?: 'close' | 'Upgrade' | undefined;
}

/** The headers of an answer to the client, as a flat list. */
export function responseHeaders(upstream: IncomingMessage, facts: ResponseFacts): string[] {
  const dropped = hopByHopNames(upstream.rawHeaders);
  const headers: string[] = [];
  let hasRequestId = false;
  for (const [name, value] of headerPairs(upstream.rawHeaders)) {
    const key = name.toLowerCase();
    if (key === 'upgrade' && facts.connection === 'Upgrade') headers.push(name, value);
    if (dropped.has(key) || key === 'transfer-encoding' || key === 'x-cf-proxy-signature') continue;
    hasRequestId ||= key === 'x-vcap-request-id';
    headers.push(name, value);
  }
  if (!hasRequestId) headers.push('X-Vcap-Request-Id', facts.requestId);
  const cookie = stickyCookie(upstream, facts.endpoint, facts.stickyCookieNames);
  if (cookie !== undefined) headers.push('Set-Cookie', cookie);
  if (facts.connection !== undefined) headers.push('Connection', facts.connection);
  return headers;
}
