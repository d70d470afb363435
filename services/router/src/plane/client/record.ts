import type { AccessRecord } from '../../access-record.ts';
import { linesOf } from '../http/lines.ts';
import { names } from '../http/names.ts';
import type { RequestHead } from '../http/request-head.ts';
import { idIn } from '../ids.ts';
import type { Endpoint } from '../table/endpoint.ts';

/**
 * What is remembered of a request for the log and the figures; one object per connection, used again and again. Of the
 * head it keeps the text and places, and takes parts only when a line is written.
 */
export class RequestRecord implements AccessRecord {
  startedAt = 0;
  method = '';
  status = 0;
  requestBytes = 0;
  responseBytes = 0;
  clientAddress = '';
  /** The lines that tell its ids. */
  idLines = '';
  responseTimeMs = 0;
  routerTimeMs = 0;
  routerError: string | undefined;
  endpoint: Endpoint | undefined;
  /** Headers that fronts before the router set: whether they came. */
  forwarded = false;
  #text = '';
  #minor = 1;
  #targetStart = 0;
  #targetEnd = 0;
  #hostStart = -1;
  #hostEnd = 0;
  #agentStart = -1;
  #agentEnd = 0;
  #refererStart = -1;
  #refererEnd = 0;

  get host(): string {
    return part(this.#text, this.#hostStart, this.#hostEnd) ?? '';
  }

  get target(): string {
    return this.#text.slice(this.#targetStart, this.#targetEnd);
  }

  get protocol(): string {
    return this.#minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
  }

  /** Method, target and protocol as they came. */
  get requestLine(): string {
    return this.#text.slice(0, this.#targetEnd + 9);
  }

  get referer(): string | undefined {
    return part(this.#text, this.#refererStart, this.#refererEnd);
  }

  get userAgent(): string | undefined {
    return part(this.#text, this.#agentStart, this.#agentEnd);
  }

  get forwardedFor(): string | undefined {
    if (!this.forwarded) return undefined;
    const values = linesOf(this.#text, 'x-forwarded-for');
    return values.length === 0 ? undefined : values.join(', ');
  }

  get forwardedProto(): string | undefined {
    return this.forwarded ? linesOf(this.#text, 'x-forwarded-proto')[0] : undefined;
  }

  get requestId(): string {
    return idIn(this.idLines);
  }

  get own(): Endpoint | undefined {
    return this.endpoint;
  }

  get backendAddress(): string | undefined {
    return this.endpoint?.facts.address;
  }

  get app(): string | undefined {
    return this.endpoint?.facts.app;
  }

  get index(): string | undefined {
    return this.endpoint?.facts.index;
  }

  get instanceId(): string | undefined {
    return this.endpoint?.facts.privateInstanceId;
  }

  /** Takes what a head says; the rest starts anew. */
  begin(head: RequestHead, method: string, idLines: string, startedAt: number): void {
    const { at } = head;
    this.#text = head.text;
    this.#minor = head.minor;
    this.#targetStart = head.targetStart;
    this.#targetEnd = head.targetEnd;
    this.#hostStart = at[2 * names.host] as number;
    this.#hostEnd = at[2 * names.host + 1] as number;
    this.#agentStart = at[2 * names['user-agent']] as number;
    this.#agentEnd = at[2 * names['user-agent'] + 1] as number;
    this.#refererStart = at[2 * names.referer] as number;
    this.#refererEnd = at[2 * names.referer + 1] as number;
    this.forwarded = head.has(names['x-forwarded-for']) || head.has(names['x-forwarded-proto']);
    this.startedAt = startedAt;
    this.method = method;
    this.status = 0;
    this.requestBytes = 0;
    this.responseBytes = 0;
    this.idLines = idLines;
    this.routerError = undefined;
    this.endpoint = undefined;
  }

  /** Lets go of the head's text: an idle connection keeps none. */
  clear(): void {
    this.#text = '';
    this.idLines = '';
    this.endpoint = undefined;
  }
}

function part(text: string, start: number, end: number): string | undefined {
  return start < 0 ? undefined : text.slice(start, end);
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];

/** The method as a text of its own where it is a common one. */
export function methodOf(head: RequestHead): string {
  const { text, methodEnd } = head;
  for (const each of methods) if (each.length === methodEnd && text.startsWith(each)) return each;
  return head.method;
}
