import type { Timer } from '@vcap/clock';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PlaneGauges } from '../../metrics/metrics.ts';
import { ticketKeyBytes } from '../front/tls-settings.ts';
import { inheritedSocket, sharedSocket } from '../listening.ts';
import type { SharedSocket } from '../listening.ts';
import type { Serving, ServingOptions } from '../local-plane.ts';
import type { StatsReport } from '../stats.ts';
import type { RouteChange } from '../table/table.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './messages.ts';

const batchMs = 10;
const batchSize = 1000;
const respawnMs = 200;
const stopGraceMs = 3000;
const inheritedFd = 4;
/** Requests leave short-lived garbage: a roomy nursery is collected seldom, and alone faster than in threads. */
const workerFlags = ['--max-semi-space-size=8', '--no-parallel-scavenge'];

/** Beside this module, and beside the program that is bundled of it. */
const program = fileURLToPath(new URL(`worker-main${extname(import.meta.url)}`, import.meta.url));

/** One worker as its leader sees it. */
interface Led {
  readonly child: ChildProcess;
  gauges: StatsReport | undefined;
  listening: ((error?: Error) => void) | undefined;
  finished: ((left: number) => void) | undefined;
}

/**
 * The data plane in worker processes that share the port. This process owns the registry and tells them of each
 * change, some milliseconds' worth at a time. A worker that dies is replaced; the others go on.
 */
export class WorkerPool implements Serving {
  readonly name = 'proxy';
  readonly #options: ServingOptions;
  readonly #count: number;
  readonly #workers = new Set<Led>();
  #socket: SharedSocket | undefined;
  #tlsSocket: SharedSocket | undefined;
  #tlsPort = 0;
  #port: number;
  readonly #ticketKeys = randomBytes(ticketKeyBytes).toString('base64');
  #pending: RouteChange[] = [];
  #batchTimer: Timer | undefined;
  #reports: StatsReport[] = [];
  #serving = false;
  #stopping = false;

  constructor(options: ServingOptions & { readonly count: number }) {
    this.#options = options;
    this.#count = options.count;
    this.#port = options.port;
    options.registry.onChange((change) => this.#queue(change));
  }

  get port(): number {
    return this.#port;
  }

  get tlsPort(): number {
    return this.#tlsPort;
  }

  async start(): Promise<void> {
    const { ip, port, log, health, reusePort, tls } = this.#options;
    this.#socket =
      inheritedSocket(process.env, process.pid) ?? (reusePort ? undefined : sharedSocket(ip, port));
    if (tls !== undefined && !reusePort) this.#tlsSocket = sharedSocket(ip, tls.port);
    this.#serving = true;
    await Promise.all(Array.from({ length: this.#count }, () => this.#spawn()));
    health.up = true;
    log.info({ event: 'listening', port: this.port, workers: this.#count });
    if (tls !== undefined) log.info({ event: 'listening-tls', port: this.#tlsPort });
  }

  /** Health first, then the listener, then what is running; what takes too long is cut off by `stop`. */
  async drain(): Promise<void> {
    const { clock, health, log, drainWaitMs, drainTimeoutMs } = this.#options;
    health.up = false;
    this.#stopping = true;
    this.#tell({ kind: 'drain' });
    if (drainWaitMs > 0) await clock.sleep(drainWaitMs);
    // The workers' own are the last ones: what came in after they stop accepting would wait for nobody.
    this.#closeSockets();
    const left = await Promise.all(
      [...this.#workers].map(
        (worker) =>
          new Promise<number>((resolve) => {
            worker.finished = resolve;
            send(worker, { kind: 'finish', timeoutMs: drainTimeoutMs });
          }),
      ),
    );
    const cut = left.reduce((sum, each) => sum + each, 0);
    if (cut > 0) log.warn({ event: 'drain-timeout', cut_off: cut });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#options.health.up = false;
    this.#batchTimer?.cancel();
    this.#tell({ kind: 'stop' });
    const late = new AbortController();
    const gone = Promise.all([...this.#workers].map(({ child }) => exitOf(child)));
    await Promise.race([gone, this.#options.clock.sleep(stopGraceMs, late.signal)]);
    late.abort();
    for (const { child } of this.#workers) child.kill('SIGKILL');
    await gone;
    this.#closeSockets();
  }

  #closeSockets(): void {
    this.#socket?.close();
    this.#tlsSocket?.close();
    this.#socket = this.#tlsSocket = undefined;
  }

  reports(): StatsReport[] {
    const reports = this.#reports;
    this.#reports = [];
    return reports;
  }

  gauges(): PlaneGauges {
    let [active, clientConnections, backendConnections, accessLogDropped] = [0, 0, 0, 0];
    for (const { gauges } of this.#workers) {
      active += gauges?.active ?? 0;
      clientConnections += gauges?.clientConnections ?? 0;
      backendConnections += gauges?.backendConnections ?? 0;
      accessLogDropped += gauges?.accessLogDropped ?? 0;
    }
    return {
      active,
      clientConnections,
      backendConnections,
      accessLogDropped,
      workers: this.#workers.size,
    };
  }

  /** Starts a worker; resolves when it lets visitors in. */
  #spawn(): Promise<void> {
    const { settings, address, ip, transport, accessLog, registry, tls, proxyProtocol } = this.#options;
    const sockets = [this.#socket, this.#tlsSocket].filter((each) => each !== undefined);
    this.#flush();
    const child = fork(program, [], {
      execArgv: [...process.execArgv, ...workerFlags],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...sockets.map(({ fd }) => fd)],
      env: { ...process.env, LISTEN_FDS: undefined, LISTEN_PID: undefined },
    });
    const worker: Led = { child, gauges: undefined, listening: undefined, finished: undefined };
    const ready = new Promise<void>((resolve, reject) => {
      worker.listening = (error) => (error === undefined ? resolve() : reject(error));
    });
    child.on('message', (message) => this.#heard(worker, message as FromWorker));
    child.on('error', (error) => worker.listening?.(error));
    child.on('exit', (code, signal) => this.#gone(worker, code, signal));
    const setup: WorkerSetup = {
      settings,
      address,
      ip,
      port: this.#port,
      fd: this.#fdOf(this.#socket, sockets),
      tls:
        tls === undefined
          ? undefined
          : {
              ...tls,
              port: this.#tlsPort || tls.port,
              fd: this.#fdOf(this.#tlsSocket, sockets),
              ticketKeys: this.#ticketKeys,
            },
      proxyProtocol,
      accessLog: accessLog.path,
      transport,
    };
    send(worker, { kind: 'setup', setup });
    let changes: RouteChange[] = [];
    for (const change of registry.changes()) {
      changes.push(change);
      if (changes.length < batchSize) continue;
      send(worker, { kind: 'changes', changes });
      changes = [];
    }
    send(worker, { kind: 'changes', changes });
    this.#workers.add(worker);
    send(worker, { kind: 'serve' });
    return ready;
  }

  /** Under which number a worker finds a socket. */
  #fdOf(socket: SharedSocket | undefined, sockets: readonly SharedSocket[]): number | undefined {
    return socket === undefined ? undefined : inheritedFd + sockets.indexOf(socket);
  }

  #heard(worker: Led, message: FromWorker): void {
    const { log, registry } = this.#options;
    if (message.kind === 'report') {
      worker.gauges = message.report;
      this.#reports.push(message.report);
      // Nobody asks for figures: those of an hour are kept.
      if (this.#reports.length > 3600 * this.#count) this.#reports.shift();
    } else if (message.kind === 'aside') registry.setAside(message.address);
    else if (message.kind === 'log') log[message.level](message.fields);
    else if (message.kind === 'finished') worker.finished?.(message.left);
    else if (message.kind === 'failed') worker.listening?.(new Error(message.why));
    else {
      this.#port = message.port;
      this.#tlsPort = message.tlsPort;
      worker.listening?.();
    }
  }

  #gone(worker: Led, code: number | null, signal: string | null): void {
    const { log, clock } = this.#options;
    this.#workers.delete(worker);
    worker.finished?.(0);
    worker.listening?.(new Error(`a worker ended (${signal ?? code}) before it listened`));
    if (this.#stopping || !this.#serving) return;
    log.error({ event: 'worker-died', pid: worker.child.pid, code, signal });
    clock.setTimeout(() => {
      if (this.#stopping) return;
      this.#spawn().catch((error: unknown) => log.error({ event: 'worker-failed', err: error }));
    }, respawnMs);
  }

  #queue(change: RouteChange): void {
    if (this.#workers.size === 0) return;
    this.#pending.push(change);
    if (this.#pending.length >= batchSize) this.#flush();
    else this.#batchTimer ??= this.#options.clock.setTimeout(() => this.#flush(), batchMs);
  }

  #flush(): void {
    this.#batchTimer?.cancel();
    this.#batchTimer = undefined;
    const changes = this.#pending;
    this.#pending = [];
    if (changes.length > 0) this.#tell({ kind: 'changes', changes });
  }

  #tell(message: ToWorker): void {
    for (const worker of this.#workers) send(worker, message);
  }
}

function send({ child }: Led, message: ToWorker): void {
  if (child.connected) child.send(message, () => undefined);
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
}
