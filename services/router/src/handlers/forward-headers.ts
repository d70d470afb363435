import { fromTraceparent, newTrace, toTraceparent } from '@vcap/bus';
import type { IncomingMessage } from 'node:http';
import type { Endpoint } from '../registry/endpoint.ts';
import { headerPairs, headerValues, hopByHopNames } from './raw-headers.ts';

/** What the router adds to a request, beyond what the client sent. */
export interface ForwardFacts {
  readonly requestId: string;
  /** The authority the client asked for, port included. */
  readonly host: string;
  readonly clientAddress: string;
  /** Ms since the epoch at which the request came in. */
  readonly startedAt: number;
  /** The protocol to switch to; undefined for an ordinary request. */
  readonly upgrade: string | undefined;
  readonly hasBody: boolean;
}

/** Replaced by the router's own value: a client's would let it pose as somebody else. */
const owned = new Set([
  'host',
  'expect',
  'x-forwarded-for',
  'x-vcap-request-id',
  'x-cf-applicationid',
  'x-cf-instanceid',
  'x-cf-instanceindex',
  'x-cf-app-instance',
]);

/** The headers of a request to a backend that do not depend on which one it is. */
export function forwardHeaders(request: IncomingMessage, facts: ForwardFacts): string[] {
  const raw = request.rawHeaders;
  const dropped = hopByHopNames(raw);
  const headers = ['Host', facts.host];
  const seen = new Set<string>();
  for (const [name, value] of headerPairs(raw)) {
    const key = name.toLowerCase();
    if (dropped.has(key) || owned.has(key)) continue;
    if (key === 'traceparent' && fromTraceparent(value) === undefined) continue;
    seen.add(key);
    headers.push(name, value);
  }
  const forwarded = [...headerValues(raw, 'x-forwarded-for'), facts.clientAddress];
  headers.push('X-Forwarded-For', forwarded.join(', '));
  const addMissing = (name: string, value: () => string): void => {
    if (!seen.has(name.toLowerCase())) headers.push(name, value());
  };
  addMissing('X-Forwarded-Proto', () => 'http');
  addMissing('X-Forwarded-Host', () => facts.host);
  addMissing('X-Request-Start', () => String(facts.startedAt));
  addMissing('traceparent', () => toTraceparent(newTrace()));
  headers.push('X-Vcap-Request-Id', facts.requestId);
  if (facts.upgrade !== undefined) headers.push('Connection', 'Upgrade', 'Upgrade', facts.upgrade);
  if (!facts.hasBody && needsLength(request.method) && !seen.has('content-length')) {
    headers.push('Content-Length', '0');
  }
  return headers;
}

/** The headers that tell a backend which of its instances was meant. */
export function endpointHeaders(endpoint: Endpoint): string[] {
  const headers: string[] = [];
  if (endpoint.app !== undefined) headers.push('X-CF-ApplicationID', endpoint.app);
  headers.push('X-CF-InstanceID', endpoint.privateInstanceId ?? endpoint.address);
  if (endpoint.index !== undefined) headers.push('X-CF-InstanceIndex', endpoint.index);
  return headers;
}

/** Methods for which a missing length would be sent as a chunked body. */
function needsLength(method: string | undefined): boolean {
  return !['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'].includes(method ?? 'GET');
}
