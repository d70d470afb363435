import { fromTraceparent } from '@vcap/bus';
import { withoutNamed } from '../http/fields.ts';
import { linesOf } from '../http/lines.ts';
import { names } from '../http/names.ts';
import type { RequestHead } from '../http/request-head.ts';
import { newTraceparent } from '../ids.ts';
import type { Target } from './target.ts';

/** What the router adds to a request, beyond what the client sent. */
export interface ForwardFacts {
  readonly method: string;
  readonly requestId: string;
  readonly clientAddress: string;
  /** `http` or `https`: how the client came. */
  readonly scheme: string;
  /** Ms since the epoch at which the request came in. */
  readonly startedAt: number;
  /** The protocol to switch to; undefined for an ordinary request. */
  readonly upgrade: string | undefined;
}

/** Lines that are the same for all requests of a connection, as long as the visitor asks for the same host. */
export class ConnectionLines {
  #host: string | undefined;
  #hostLine = '';
  #forwardedHost = '';
  #origin: string | undefined;

  /** The Host line. */
  hostLine(host: string): string {
    if (host !== this.#host) this.#takeHost(host);
    return this.#hostLine;
  }

  /** The X-Forwarded-Host line. */
  forwardedHost(host: string): string {
    if (host !== this.#host) this.#takeHost(host);
    return this.#forwardedHost;
  }

  /** Where the visitor is and how it came, when no front before the router told. */
  origin(address: string, scheme: string): string {
    this.#origin ??= flat(`X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: ${scheme}\r\n`);
    return this.#origin;
  }

  #takeHost(host: string): void {
    this.#host = flat(host);
    this.#hostLine = flat(` HTTP/1.1\r\nHost: ${host}\r\n`);
    this.#forwardedHost = flat(`X-Forwarded-Host: ${host}\r\n`);
  }
}

/** The same text in memory of its own: neither joined of parts nor a part of a whole head. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

/** The head of a request to a backend, without the lines that depend on which one it is and the empty line. */
export function forwardText(
  head: RequestHead,
  target: Target,
  facts: ForwardFacts,
  own: ConnectionLines,
): string {
  const { at } = head;
  const { host } = target;
  const missing = (id: number): boolean => (at[2 * id] as number) < 0;
  let lines = head.kept();
  if (head.named !== undefined) lines = withoutNamed(lines, head.named);
  let text = `${facts.method} ${target.path}${own.hostLine(host)}${lines}`;
  // Framing is written anew: a backend gets it in one spelling only.
  if (head.chunked) text += 'Transfer-Encoding: chunked\r\n';
  else if (head.length >= 0) text += `Content-Length: ${head.length}\r\n`;
  if (missing(names['x-forwarded-for']) && missing(names['x-forwarded-proto']))
    text += own.origin(facts.clientAddress, facts.scheme);
  else {
    text += `X-Forwarded-For: ${forwardedFor(head, facts.clientAddress)}\r\n`;
    if (missing(names['x-forwarded-proto'])) text += `X-Forwarded-Proto: ${facts.scheme}\r\n`;
  }
  if (missing(names['x-forwarded-host'])) text += own.forwardedHost(host);
  if (missing(names['x-request-start'])) text += `X-Request-Start: ${facts.startedAt}\r\n`;
  if (missing(names['x-request-id'])) text += `X-Request-Id: ${facts.requestId}\r\n`;
  text += `X-Vcap-Request-Id: ${facts.requestId}\r\ntraceparent: ${traceparentOf(head)}\r\n`;
  if (facts.upgrade !== undefined) text += `Connection: Upgrade\r\nUpgrade: ${facts.upgrade}\r\n`;
  return text;
}

function forwardedFor(head: RequestHead, address: string): string {
  if ((head.at[2 * names['x-forwarded-for']] as number) < 0) return address;
  return [...linesOf(head, 'x-forwarded-for'), address].join(', ');
}

function traceparentOf(head: RequestHead): string {
  const own = head.value('traceparent');
  return own !== undefined && fromTraceparent(own) !== undefined ? own : newTraceparent();
}
