import type { BackendConnection, BackendFailure, BackendUser } from '../backend/backend-connection.ts';
import type { PlaneContext } from '../context.ts';
import type { Framing } from '../http/body.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { newIdLines } from '../ids.ts';
import { routerErrors } from '../router-errors.ts';
import type { RouterError } from '../router-errors.ts';
import type { Endpoint } from '../table/endpoint.ts';
import { Tunnel } from '../tunnel.ts';
import type { Wire } from '../wire/wire.ts';
import { Answer } from './answer.ts';
import { Asked } from './asked.ts';
import { Attempts } from './attempts.ts';
import type { ClientConnection } from './client-connection.ts';
import { Download } from './download.ts';
import { RequestRecord } from './record.ts';
import { Upload } from './upload.ts';
import { closing, isLocalFailure } from './rules.ts';

/**
 * One request and its answer: finds the route, tries its backends until one answers, and leaves a record. One object
 * per client connection serves its requests one after another.
 */
export class Exchange implements BackendUser {
  readonly record = new RequestRecord();
  readonly upload: Upload;
  readonly download: Download;
  /** Whether a request is running. */
  running = false;
  /** The client will read another answer after this one. */
  persistent = false;
  /** The client said that it asks nothing more. */
  saidClose = false;
  readonly #context: PlaneContext;
  readonly #client: ClientConnection;
  readonly #asked: Asked;
  readonly #attempts: Attempts;
  readonly #answer: Answer;
  #backend: BackendConnection | undefined;
  #backendPaused = false;

  constructor(context: PlaneContext, client: ClientConnection) {
    this.#context = context;
    this.#client = client;
    this.#asked = new Asked(context);
    this.#attempts = new Attempts(context);
    this.#answer = new Answer(context);
    this.upload = new Upload(() => client.pauseBody());
    this.download = new Download(client.wire);
  }

  /** Starts with what the parser found. */
  begin(head: RequestHead): void {
    const { clock, state } = this.#context;
    const asked = this.#asked;
    this.running = true;
    state.active += 1;
    this.#attempts.begin();
    asked.begin(head);
    this.record.begin(head, asked.method, newIdLines(), clock.now());
    this.persistent = head.persistent;
    this.saidClose = !head.persistent;
    this.#answer.begin(head, this.record);
    this.upload.reset();
    this.download.reset();
    const refusal = asked.aim(head, this.record, this.#client.visitor, this.#attempts);
    if (refusal !== undefined) return this.fail(refusal.error, refusal.text);
    this.#tryNext();
  }

  /** The body has come in full. */
  requestDone(bytes: number): void {
    this.record.requestBytes = bytes;
    this.upload.complete();
  }

  /** The client is gone. */
  clientGone(): void {
    if (!this.running) return;
    this.#dropBackend();
    if (this.record.routerError === undefined) this.record.status = 499;
    this.#finish();
  }

  /** Ends with one of the router's own pages, or cuts the answer off when it has begun. */
  fail(error: RouterError, text?: string): void {
    if (!this.running) return;
    const { record, download } = this;
    this.#dropBackend();
    record.routerError = error.code;
    if (download.begun) {
      const { framed } = this.#answer;
      this.#finish();
      return download.cut(framed);
    }
    const client = this.#client;
    this.persistent &&=
      !this.#asked.wantsContinue && this.#asked.upgrade === undefined && !closing.has(error.status);
    const keep = client.willKeep();
    const page = this.#answer.page(error, text, keep);
    download.reset();
    record.status = error.status;
    record.responseBytes = page.bytes;
    client.wire.writeText(page.text);
    this.#finish();
    client.answered(keep);
  }

  /** The time for what is awaited is over. */
  timeout(): void {
    if (this.#backend?.connected === false) {
      this.#attempts.timedOut = true;
      const backend = this.#backend;
      backend.close();
      return this.#unreachable(new Error('no connection in time'), false);
    }
    if (!this.download.begun) {
      const late = this.#client.isLate();
      return this.fail(late ? routerErrors.clientTimeout : routerErrors.endpointTimeout);
    }
    // A visitor who does not read what is there is no fault of the backend: 499.
    if (this.#backendPaused) return this.#client.wire.destroy();
    this.fail(routerErrors.endpointTimeout);
  }

  /** The client takes more of the answer. */
  clientDrained(): void {
    if (!this.#backendPaused) return;
    this.#backendPaused = false;
    this.#backend?.wire.resume();
  }

  #tryNext(): void {
    const next = this.#attempts.next();
    if ('code' in next) return this.fail(next);
    this.record.endpoint = next;
    this.#attempt(next, true);
  }

  #attempt(endpoint: Endpoint, kept: boolean): void {
    const backend = this.#attempts.connect(endpoint, kept, this.#asked.repeatable);
    this.#backend = backend;
    backend.use(this);
    if (backend.connected) return this.connected();
    this.#client.expect(this.#context.settings.connectMs);
  }

  connected(): void {
    const client = this.#client;
    const backend = this.#backend as BackendConnection;
    client.expect(this.#context.settings.responseMs);
    this.upload.begin(backend, this.#asked.forward + (this.#attempts.busy?.headersEnd ?? '\r\n'));
    if (!this.#asked.hasBody) return this.upload.complete();
    if (this.#asked.wantsContinue) {
      this.#asked.wantsContinue = false;
      client.wire.writeText('HTTP/1.1 100 Continue\r\n\r\n');
    }
    client.sendBody();
  }

  connectFailed(error: NodeJS.ErrnoException): void {
    this.#attempts.timedOut = false;
    this.#unreachable(error, isLocalFailure(error));
  }

  #unreachable(error: Error, local: boolean): void {
    const { busy } = this.#attempts;
    if (busy !== undefined && !local) this.#attempts.setAside(busy, 'down');
    this.#again('unreachable', error);
  }

  failed(failure: BackendFailure, error: Error): void {
    const { reused, endpoint } = this.#backend as BackendConnection;
    this.#backend = undefined;
    this.#attempts.timedOut = false;
    const { upload } = this;
    upload.stop();
    if (failure === 'reset') {
      if (reused && this.#asked.repeatable) return this.#attempt(endpoint, false);
      if (endpoint.health === 'up' && !reused) this.#attempts.setAside(endpoint, 'suspect');
      if (this.#asked.repeatable || (this.#asked.hasBody && !upload.started))
        return this.#again(failure, error);
    }
    this.#attempts.warn(failure, error);
    this.fail(routerErrors.endpointFailure);
  }

  #again(kind: string, error: Error): void {
    this.#attempts.warn(kind, error);
    this.#backend = undefined;
    this.upload.stop();
    this.#attempts.leaveOut();
    this.#tryNext();
  }

  informed(head: ResponseHead): void {
    if (head.status === 100 || this.#answer.old || this.download.begun) return;
    this.#client.wire.writeText(`HTTP/1.1 ${head.text.slice(9, head.lineEnd)}\r\n${head.kept()}\r\n`);
  }

  answered(head: ResponseHead): { framing: Framing; raw: boolean } | 'tunnel' | 'refused' {
    const client = this.#client;
    const endpoint = this.#attempts.busy as Endpoint;
    if (endpoint.health === 'suspect') endpoint.health = 'up';
    const { upgrade } = this.#asked;
    this.record.status = head.status;
    if (head.status === 101) {
      if (upgrade === undefined) {
        process.nextTick(() => this.fail(routerErrors.endpointFailure));
        return 'refused';
      }
      this.download.begin(this.#answer.switching(head, endpoint, upgrade), false);
      return 'tunnel';
    }
    const framing = this.#answer.framing(head);
    // An upgrade that was refused may be followed by bytes that were meant for the tunnel.
    this.persistent &&= upgrade === undefined && this.#answer.mayPersist();
    const text = this.#answer.text(head, endpoint, client.willKeep());
    this.download.begin(text, this.#answer.packed);
    client.expect(this.#context.settings.idleMs);
    return { framing, raw: !this.#answer.old };
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    const client = this.#client;
    if (!this.download.body(buffer, start, end) && !this.#backendPaused) {
      this.#backendPaused = true;
      this.#backend?.wire.pause();
    }
    client.touch();
  }

  onTrailers(text: string): void {
    this.download.trailers(text);
  }

  readDone(): void {
    if (this.running) this.download.flush();
  }

  complete(reusable: boolean): void {
    const backend = this.#backend as BackendConnection;
    this.record.responseBytes = backend.bodyBytes;
    this.download.complete();
    // The client may be gone by that write.
    if (!this.running) return;
    this.#backend = undefined;
    backend.release(reusable);
    const keep = this.#client.willKeep();
    this.#finish();
    this.#client.answered(keep);
  }

  tunnelled(wire: Wire, buffer: Buffer, start: number, end: number): void {
    this.#backend = undefined;
    this.#attempts.measure(this.record);
    this.download.flush();
    const client = this.#client;
    const early = client.leave();
    const tunnel = new Tunnel(client.wire, wire, (fromClient, fromBackend) => {
      this.record.requestBytes = fromClient;
      this.record.responseBytes = fromBackend;
      this.#finish();
      client.left();
    });
    tunnel.begin(early, buffer, start, end);
  }

  backendDrained(): void {
    this.#client.resumeBody();
  }

  #dropBackend(): void {
    const backend = this.#backend;
    this.#backend = undefined;
    this.upload.stop();
    if (backend === undefined) return;
    if (backend.bodyBytes > 0 && this.download.begun) this.record.responseBytes = backend.bodyBytes;
    backend.close();
  }

  #finish(): void {
    if (!this.running) return;
    this.running = false;
    const { stats, accessLog, state } = this.#context;
    const { record } = this;
    // A tunnel's life is not latency.
    if (record.status !== 101) this.#attempts.measure(record);
    record.clientAddress = this.#client.visitor.addressAndPort;
    accessLog.write(record);
    stats.finished(record, record.endpoint);
    record.clear();
    this.#attempts.end();
    this.#asked.forward = '';
    this.#backendPaused = false;
    state.active -= 1;
    if (state.active === 0) state.idle?.();
  }
}
