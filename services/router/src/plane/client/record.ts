import type { AccessRecord } from '../../access-record.ts';
import { linesOf } from '../http/lines.ts';
import { idIn } from '../ids.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { Endpoint } from '../table/endpoint.ts';

/** What is remembered of a request for the log and the figures; one object per connection, used again and again. */
export class RequestRecord implements AccessRecord {
  host = '';
  startedAt = 0;
  method = '';
  target = '';
  protocol = 'HTTP/1.1';
  status = 0;
  requestBytes = 0;
  responseBytes = 0;
  referer: string | undefined;
  userAgent: string | undefined;
  clientAddress = '';
  forwardedFor: string | undefined;
  forwardedProto: string | undefined;
  requestId = '';
  /** The lines that tell its ids. */
  idLines = '';
  responseTimeMs = 0;
  routerTimeMs = 0;
  routerError: string | undefined;
  plain = false;
  endpoint: Endpoint | undefined;

  get tail(): string | undefined {
    return this.endpoint?.logTail;
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
    const { text } = head;
    this.plain = !text.includes('"') && !text.includes('\\') && !text.includes('\t');
    this.host = head.value('host') ?? '';
    if (this.plain && this.host.includes(' ')) this.plain = false;
    this.startedAt = startedAt;
    this.method = method;
    this.target = head.target;
    this.protocol = head.minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
    this.status = 0;
    this.requestBytes = 0;
    this.responseBytes = 0;
    this.referer = head.value('referer');
    this.userAgent = head.value('user-agent');
    this.forwardedFor = head.has('x-forwarded-for') ? linesOf(head, 'x-forwarded-for').join(', ') : undefined;
    this.forwardedProto = head.value('x-forwarded-proto');
    this.idLines = idLines;
    this.requestId = idIn(idLines);
    this.routerError = undefined;
    this.endpoint = undefined;
  }

  /** Lets go of the texts, which are parts of the whole head's: an idle connection keeps none. */
  clear(): void {
    this.host = '';
    this.target = '';
    this.method = '';
    this.requestId = '';
    this.idLines = '';
    this.referer = undefined;
    this.userAgent = undefined;
    this.forwardedFor = undefined;
    this.forwardedProto = undefined;
    this.endpoint = undefined;
  }
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'];

/** The method as a text of its own where it is a common one. */
export function methodOf(head: RequestHead): string {
  const { method } = head;
  for (const each of methods) if (each === method) return each;
  return method;
}
