import type { BackendConnection, BackendFailure, BackendUser } from '../backend/backend-connection.ts';
import type { PlaneContext } from '../context.ts';
import type { Framing } from '../http/body.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { newRequestId } from '../ids.ts';
import { errorPage, routerErrors } from '../router-errors.ts';
import type { RouterError } from '../router-errors.ts';
import type { Endpoint } from '../table/endpoint.ts';
import type { TableRoute } from '../table/table.ts';
import { Tunnel } from '../tunnel.ts';
import type { Wire } from '../wire/wire.ts';
import { answerText, framingOf } from './answer-text.ts';
import type { ClientConnection } from './client-connection.ts';
import { Download } from './download.ts';
import { ConnectionLines, forwardText } from './forward-text.ts';
import { methodOf, RequestRecord } from './record.ts';
import { requestedInstance } from './sticky.ts';
import { targetOf } from './target.ts';
import { Upload } from './upload.ts';
import { isLocalFailure, isRepeatable, mayUpgrade } from './rules.ts';

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
  /** The client may be waiting to be told to send the body. */
  wantsContinue = false;
  /** The client wants to leave HTTP. */
  upgrade: string | undefined;
  readonly #context: PlaneContext;
  readonly #client: ClientConnection;
  readonly #lines = new ConnectionLines();
  #startedMonotonic = 0;
  #attemptedAt = 0;
  #head = '';
  #hasBody = false;
  #repeatable = false;
  #minor = 1;
  #traced = false;
  #sticky: string | undefined;
  #hash: string | undefined;
  #route: TableRoute | undefined;
  #tried: Set<Endpoint> | undefined;
  #timedOut = false;
  #backend: BackendConnection | undefined;
  #busy: Endpoint | undefined;
  #backendPaused = false;
  #framed = true;

  constructor(context: PlaneContext, client: ClientConnection) {
    this.#context = context;
    this.#client = client;
    this.upload = new Upload(() => client.pauseBody());
    this.download = new Download(client.wire);
  }

  /** Starts with what the parser found. */
  begin(head: RequestHead): void {
    const { clock, settings, state, table } = this.#context;
    const client = this.#client;
    const method = methodOf(head);
    this.running = true;
    state.active += 1;
    this.#startedMonotonic = clock.monotonic();
    this.#attemptedAt = 0;
    this.record.begin(head, method, newRequestId(), clock.now());
    this.persistent = head.persistent;
    this.saidClose = !head.persistent;
    this.#minor = head.minor;
    this.#hasBody = head.hasBody;
    this.#repeatable = !head.hasBody && isRepeatable(method);
    this.wantsContinue =
      head.hasBody && head.minor === 1 && head.value('expect')?.toLowerCase() === '100-continue';
    this.upgrade = mayUpgrade(head) ? head.value('upgrade') : undefined;
    this.#traced = settings.traceKey !== '' && head.value('x-vcap-trace') === settings.traceKey;
    this.#tried = undefined;
    this.#timedOut = false;
    this.upload.reset();
    this.download.reset();

    const target = targetOf(method, head.target, head.value('host'));
    if (!('key' in target)) return this.fail(target);
    const route = table.find(target.key, target.path);
    if (route === undefined) {
      return this.fail(
        routerErrors.unknownRoute,
        `Requested route ('${printable(target.host)}') does not exist.`,
      );
    }
    if (route.members.length === 0) return this.fail(routerErrors.noEndpoints);
    this.#route = route;
    this.#sticky = head.has('cookie') ? requestedInstance(head.value('cookie')) : undefined;
    this.#hash = settings.balance === 'hash' ? hashValue(head, settings.hashHeader) : undefined;
    const facts = {
      method,
      requestId: this.record.requestId,
      clientAddress: client.address,
      scheme: client.scheme,
      startedAt: this.record.startedAt,
      upgrade: this.upgrade,
    };
    this.#head = forwardText(head, target, facts, this.#lines);
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
      const framed = this.#framed;
      this.#finish();
      return this.#client.cut(framed);
    }
    const client = this.#client;
    this.persistent &&= !this.wantsContinue && this.upgrade === undefined && !closing.has(error.status);
    const keep = client.willKeep();
    const lines = `X-Vcap-Request-Id: ${record.requestId}\r\n${this.#connectionLine(keep)}`;
    const page = errorPage(error, { text, lines, bodiless: record.method === 'HEAD' });
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
      this.#timedOut = true;
      const backend = this.#backend;
      backend.close();
      return this.#unreachable(new Error('no connection in time'), false);
    }
    if (!this.download.begun) {
      const late = this.#client.isLate();
      return this.fail(late ? routerErrors.clientTimeout : routerErrors.endpointTimeout);
    }
    // A visitor who does not read what is there is no fault of the backend: 499.
    if (this.#backendPaused) return this.#client.destroy();
    this.fail(routerErrors.endpointTimeout);
  }

  /** The client takes more of the answer. */
  clientDrained(): void {
    if (!this.#backendPaused) return;
    this.#backendPaused = false;
    this.#backend?.wire.resume();
  }

  #tryNext(): void {
    const { clock, pick, settings } = this.#context;
    const route = this.#route as TableRoute;
    const tried = this.#tried;
    const now = tried === undefined ? this.#startedMonotonic : clock.monotonic();
    const spent = tried !== undefined && now - this.#startedMonotonic > settings.retryBudgetMs;
    const endpoint = spent ? undefined : pick(route, tried, this.#sticky, this.#hash, now);
    if (endpoint !== undefined) {
      this.record.endpoint = endpoint;
      this.#busy = endpoint;
      endpoint.active += 1;
      return this.#attempt(endpoint, true);
    }
    if (tried !== undefined)
      return this.fail(this.#timedOut ? routerErrors.endpointTimeout : routerErrors.endpointFailure);
    const full = route.members.some((each) => each.health !== 'down');
    this.fail(full ? routerErrors.overloaded : routerErrors.noEndpoints);
  }

  #attempt(endpoint: Endpoint, pooled: boolean): void {
    const { clock, pool, settings, wheel } = this.#context;
    this.#attemptedAt = clock.monotonic();
    const kept = pooled ? pool.take(endpoint, this.#repeatable, wheel.now) : undefined;
    const backend = kept ?? pool.open(this.#context, endpoint);
    this.#backend = backend;
    backend.use(this);
    if (backend.connected) return this.connected();
    this.#client.expect(settings.connectMs);
  }

  connected(): void {
    const { settings } = this.#context;
    const client = this.#client;
    const backend = this.#backend as BackendConnection;
    client.expect(settings.responseMs);
    this.upload.begin(backend, `${this.#head}${this.#busy?.headers ?? ''}\r\n`);
    if (!this.#hasBody) return this.upload.complete();
    if (this.wantsContinue) {
      this.wantsContinue = false;
      client.wire.writeText('HTTP/1.1 100 Continue\r\n\r\n');
    }
    client.sendBody();
  }

  connectFailed(error: NodeJS.ErrnoException): void {
    this.#timedOut = false;
    this.#unreachable(error, isLocalFailure(error));
  }

  #unreachable(error: Error, local: boolean): void {
    const endpoint = this.#busy;
    if (endpoint !== undefined && !local) {
      endpoint.health = 'down';
      this.#context.setAside(endpoint);
    }
    this.#again('unreachable', error);
  }

  failed(failure: BackendFailure, error: Error): void {
    const { reused, endpoint } = this.#backend as BackendConnection;
    this.#backend = undefined;
    this.#timedOut = false;
    const { upload } = this;
    upload.stop();
    if (failure === 'reset') {
      if (reused && this.#repeatable) return this.#attempt(endpoint, false);
      if (endpoint.health === 'up' && !reused) {
        endpoint.health = 'suspect';
        this.#context.setAside(endpoint);
      }
      if (this.#repeatable || (this.#hasBody && !upload.started)) return this.#again(failure, error);
    }
    this.#warn(failure, error);
    this.fail(routerErrors.endpointFailure);
  }

  #again(kind: string, error: Error): void {
    this.#warn(kind, error);
    this.#backend = undefined;
    const endpoint = this.#busy;
    this.#release();
    this.upload.stop();
    if (endpoint !== undefined) (this.#tried ??= new Set()).add(endpoint);
    this.#tryNext();
  }

  informed(head: ResponseHead): void {
    if (head.status === 100 || this.#minor === 0 || this.download.begun) return;
    this.#client.wire.writeText(`HTTP/1.1 ${head.text.slice(9, head.lineEnd)}\r\n${head.kept()}\r\n`);
  }

  answered(head: ResponseHead): { framing: Framing; raw: boolean } | 'tunnel' | 'refused' {
    const { settings, state } = this.#context;
    const client = this.#client;
    const endpoint = this.#busy as Endpoint;
    if (endpoint.health === 'suspect') endpoint.health = 'up';
    const { status } = head;
    this.record.status = status;
    const { requestId } = this.record;
    const traced = this.#traced;
    if (status === 101) {
      if (this.upgrade === undefined) {
        process.nextTick(() => this.fail(routerErrors.endpointFailure));
        return 'refused';
      }
      const upgrade = head.value('upgrade') ?? this.upgrade;
      const connection = `Upgrade: ${upgrade}\r\nConnection: Upgrade\r\n`;
      this.download.begin(
        answerText(this.#context, head, { requestId, endpoint, traced, chunked: false, connection }),
        false,
      );
      return 'tunnel';
    }
    const framing = framingOf(head, this.record.method);
    const old = this.#minor === 0;
    // An upgrade that was refused may be followed by bytes that were meant for the tunnel.
    this.persistent &&=
      this.upgrade === undefined && !state.draining && !(old && framing !== 'length' && framing !== 'none');
    const text = answerText(this.#context, head, {
      requestId,
      endpoint,
      traced,
      chunked:
        !old &&
        (framing === 'close' ||
          framing === 'chunked' ||
          (framing === 'none' && head.chunked && status === 200)),
      connection: this.#connectionLine(client.willKeep()),
    });
    this.#framed = !old || framing === 'length';
    this.download.begin(text, framing === 'close' && !old);
    client.expect(settings.idleMs);
    return { framing, raw: !old };
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
    const { clock } = this.#context;
    this.#backend = undefined;
    this.record.responseTimeMs = clock.monotonic() - this.#startedMonotonic;
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

  #connectionLine(keep: boolean): string {
    if (!keep) return 'Connection: close\r\n';
    return this.#minor === 0 ? 'Connection: keep-alive\r\n' : '';
  }

  #dropBackend(): void {
    const backend = this.#backend;
    this.#backend = undefined;
    this.upload.stop();
    if (backend === undefined) return;
    if (backend.bodyBytes > 0 && this.download.begun) this.record.responseBytes = backend.bodyBytes;
    backend.close();
  }

  #release(): void {
    const endpoint = this.#busy;
    this.#busy = undefined;
    if (endpoint !== undefined) endpoint.active -= 1;
  }

  #warn(kind: string, error: Error): void {
    const { address, app } = this.#busy?.facts ?? {};
    this.#context.log.warn({ event: 'backend-failed', address, app, kind, why: error.message });
  }

  #finish(): void {
    if (!this.running) return;
    this.running = false;
    const { clock, stats, accessLog, state } = this.#context;
    const { record } = this;
    this.#release();
    const took = clock.monotonic() - this.#startedMonotonic;
    // A tunnel's life is not latency.
    if (record.status !== 101) record.responseTimeMs = took;
    record.routerTimeMs = this.#attemptedAt === 0 ? took : this.#attemptedAt - this.#startedMonotonic;
    record.clientAddress = this.#client.addressAndPort;
    accessLog.write(record);
    stats.finished(record, record.endpoint);
    record.clear();
    this.#head = '';
    this.#route = undefined;
    this.#sticky = undefined;
    this.#tried = undefined;
    this.#backendPaused = false;
    state.active -= 1;
    if (state.active === 0) state.idle?.();
  }
}

/** After these nobody knows where the client's next request would begin. */
const closing: ReadonlySet<number> = new Set([400, 405, 408]);

function hashValue(head: RequestHead, name: string): string | undefined {
  const at = head.text.toLowerCase().indexOf(`\r\n${name}:`);
  if (at < 0) return undefined;
  const start = at + name.length + 3;
  return head.text.slice(start, head.text.indexOf('\r\n', start)).trim();
}

function printable(host: string): string {
  return host.replace(/[^\w.:*[\]-]/g, '?').slice(0, 255);
}
