import { names } from '../http/names.ts';
import type { PlaneContext } from '../context.ts';
import type { Framing } from '../http/body.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { errorPage } from '../router-errors.ts';
import type { RouterError } from '../router-errors.ts';
import type { Endpoint } from '../table/endpoint.ts';
import { answerText, framingOf } from './answer-text.ts';
import type { RequestRecord } from './record.ts';

/** How an answer is put to the client that asked: in its version of HTTP, with or without another to come. */
export class Answer {
  /** The client speaks HTTP/1.0. */
  old = false;
  /** The client can tell where the answer ends without its connection's end. */
  framed = true;
  /** A body that ends with the backend's connection is packed into chunks. */
  packed = false;
  readonly #context: PlaneContext;
  #record: RequestRecord | undefined;
  #traced = false;
  #framing: Framing = 'none';

  constructor(context: PlaneContext) {
    this.#context = context;
  }

  /** For a new request. */
  begin(head: RequestHead, record: RequestRecord): void {
    const { traceKey } = this.#context.settings;
    this.#record = record;
    this.old = head.minor === 0;
    this.framed = true;
    this.#traced = traceKey !== '' && head.value(names['x-vcap-trace']) === traceKey;
  }

  /** How the backend's answer ends. */
  framing(head: ResponseHead): Framing {
    this.#framing = framingOf(head, this.#record?.method ?? '');
    return this.#framing;
  }

  /** Whether the connection may outlive this answer. */
  mayPersist(): boolean {
    if (this.#context.state.draining) return false;
    return !this.old || this.#framing === 'length' || this.#framing === 'none';
  }

  /** The head to the client; `keep`: another answer may follow. */
  text(head: ResponseHead, endpoint: Endpoint, keep: boolean): string {
    const framing = this.#framing;
    this.framed = !this.old || framing === 'length';
    this.packed = framing === 'close' && !this.old;
    const chunked =
      framing === 'close' ||
      framing === 'chunked' ||
      (framing === 'none' && head.chunked && head.status === 200);
    return this.#text(head, endpoint, chunked && !this.old, this.#connectionLine(keep));
  }

  /** The head that ends HTTP on this connection. */
  switching(head: ResponseHead, endpoint: Endpoint, asked: string): string {
    const connection = `Upgrade: ${head.value(names.upgrade) ?? asked}\r\nConnection: Upgrade\r\n`;
    return this.#text(head, endpoint, false, connection);
  }

  /** One of the router's own pages. */
  page(error: RouterError, text: string | undefined, keep: boolean): { text: string; bytes: number } {
    const { requestId = '', method } = this.#record ?? {};
    const lines = `X-Vcap-Request-Id: ${requestId}\r\n${this.#connectionLine(keep)}`;
    return errorPage(error, { text, lines, bodiless: method === 'HEAD' });
  }

  #connectionLine(keep: boolean): string {
    if (!keep) return 'Connection: close\r\n';
    return this.old ? 'Connection: keep-alive\r\n' : '';
  }

  #text(head: ResponseHead, endpoint: Endpoint, chunked: boolean, connection: string): string {
    const idLines = this.#record?.idLines ?? '';
    return answerText(this.#context, head, {
      idLines,
      endpoint,
      traced: this.#traced,
      chunked,
      connection,
    });
  }
}
