import { fromTraceparent } from '@vcap/bus';
import { withoutNamed } from '../http/fields.ts';
import { linesOf } from '../http/lines.ts';
import { names } from '../http/names.ts';
import type { RequestHead } from '../http/request-head.ts';
import { requestIdLine, traceLine, vcapIdLine } from '../ids.ts';
import { flat } from '../http/flat.ts';
import type { Target } from './target.ts';

/** What the router adds to a request, beyond what the client sent. */
export interface ForwardFacts {
  readonly method: string;
  /** The lines of its ids. */
  readonly idLines: string;
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
  #whole: string | undefined;

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

  /** `origin` and `forwardedHost`: what most visitors' requests get. */
  whole(address: string, scheme: string, host: string): string {
    if (host !== this.#host) this.#takeHost(host);
    this.#whole ??= flat(this.origin(address, scheme) + this.#forwardedHost);
    return this.#whole;
  }

  #takeHost(host: string): void {
    this.#host = flat(host);
    this.#whole = undefined;
    this.#hostLine = flat(` HTTP/1.1\r\nHost: ${host}\r\n`);
    this.#forwardedHost = flat(`X-Forwarded-Host: ${host}\r\n`);
  }
}

let startedAt = -1;
let startedLine = '';

/** X-Request-Start; many requests come within one millisecond. */
function startLine(ms: number): string {
  if (ms !== startedAt) {
    startedAt = ms;
    startedLine = flat(`X-Request-Start: ${ms}\r\n`);
  }
  return startedLine;
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
  // A target in origin form goes on as it came.
  const line =
    head.text.charCodeAt(head.targetStart) === 47
      ? head.text.slice(0, head.targetEnd)
      : `${facts.method} ${target.path}`;
  let text = line + own.hostLine(host) + lines;
  // Framing is written anew: a backend gets it in one spelling only.
  if (head.chunked) text += 'Transfer-Encoding: chunked\r\n';
  else if (head.length >= 0) text += `Content-Length: ${head.length}\r\n`;
  if (missing(names['x-forwarded-for']) && missing(names['x-forwarded-proto'])) {
    if (missing(names['x-forwarded-host'])) text += own.whole(facts.clientAddress, facts.scheme, host);
    else text += own.origin(facts.clientAddress, facts.scheme);
  } else {
    text += `X-Forwarded-For: ${forwardedFor(head, facts.clientAddress)}\r\n`;
    if (missing(names['x-forwarded-proto'])) text += `X-Forwarded-Proto: ${facts.scheme}\r\n`;
    if (missing(names['x-forwarded-host'])) text += own.forwardedHost(host);
  }
  if (missing(names['x-request-start'])) text += startLine(facts.startedAt);
  text += idLines(head, facts.idLines, missing(names['x-request-id']));
  if (facts.upgrade !== undefined) text += `Connection: Upgrade\r\nUpgrade: ${facts.upgrade}\r\n`;
  return text;
}

function forwardedFor(head: RequestHead, address: string): string {
  if ((head.at[2 * names['x-forwarded-for']] as number) < 0) return address;
  return [...linesOf(head.text, 'x-forwarded-for'), address].join(', ');
}

/** The lines of the request's ids, without those that it brought. */
function idLines(head: RequestHead, lines: string, unnamed: boolean): string {
  const trace = head.value(names.traceparent);
  const traced = trace !== undefined && fromTraceparent(trace) !== undefined;
  if (unnamed && !traced) return lines;
  return (
    (unnamed ? requestIdLine(lines) : '') +
    vcapIdLine(lines) +
    (traced ? `traceparent: ${trace}\r\n` : traceLine(lines))
  );
}
