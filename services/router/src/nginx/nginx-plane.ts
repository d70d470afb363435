import { chmod, chown, mkdir } from 'node:fs/promises';
import type { Timer } from '@vcap/clock';
import type { PlaneGauges } from '../metrics/metrics.ts';
import { inheritedSocket, sharedSocket } from '../plane/listening.ts';
import type { SharedSocket } from '../plane/listening.ts';
import type { Serving } from '../plane/local-plane.ts';
import type { StatsReport } from '../plane/stats.ts';
import { RouteTable } from '../plane/table/table.ts';
import { workerAccount } from './account.ts';
import { filesOf } from './config-text.ts';
import { Configuration } from './configuration.ts';
import type { NginxPlaneOptions } from './configuration.ts';
import { Control } from './control.ts';
import { Figures } from './figures.ts';
import { Locator } from './locator.ts';
import { recordOf } from './lookup.ts';
import { RouteNews } from './news.ts';
import { NginxProcess } from './nginx-process.ts';
import type { WorkerReport } from './report.ts';

const lookMs = 2000;
const restartMs = 200;
const readyMs = 10_000;
const pollMs = 20;
const stopGraceMs = 3000;

/**
 * The data plane in Debian's nginx: this process writes and tests its configuration, starts it, is its locator service,
 * and tells it of changes. Lua does the rest (../../lua).
 */
export class NginxPlane implements Serving {
  readonly name = 'proxy';
  readonly #options: NginxPlaneOptions;
  readonly #table: RouteTable;
  readonly #news: RouteNews;
  readonly #control: Control;
  readonly #nginx: NginxProcess;
  readonly #configuration: Configuration;
  readonly #figures: Figures;
  #locator: Locator | undefined;
  #connections = 0;
  #socket: SharedSocket | undefined;
  #tlsSocket: SharedSocket | undefined;
  #timer: Timer | undefined;
  #stopping = false;

  constructor(options: NginxPlaneOptions) {
    this.#options = options;
    this.#configuration = new Configuration(options);
    this.#figures = new Figures(options.nginx.workers);
    const { clock, log, registry, nginx } = options;
    const files = filesOf(nginx.directory);
    this.#table = new RouteTable({ gone: () => undefined, now: () => clock.monotonic() });
    this.#control = new Control(files.control);
    const epoch = (monotonic: number): number => clock.now() - (clock.monotonic() - monotonic);
    this.#news = new RouteNews({
      clock,
      log,
      recordOf: (host) => recordOf(this.#table, host, epoch),
      asides: () => registry.asides(),
      push: (news) => this.#control.push(news),
    });
    this.#nginx = new NginxProcess({
      clock,
      log,
      program: nginx.program,
      directory: nginx.directory,
      config: files.config,
      pidFile: files.pid,
      socketFile: files.control,
      sockets: () => [this.#socket, this.#tlsSocket].filter((each) => each !== undefined).map(({ fd }) => fd),
      died: (code, signal) => this.#died(code, signal),
    });
    for (const change of registry.changes()) this.#table.apply(change);
    registry.onChange((change) => {
      this.#table.apply(change);
      this.#news.changed(change);
    });
  }

  get port(): number {
    return this.#socket?.port ?? this.#options.port;
  }

  get tlsPort(): number {
    return this.#options.tls === undefined ? 0 : (this.#tlsSocket?.port ?? this.#options.tls.port);
  }

  async start(): Promise<void> {
    const { ip, port, reusePort, tls, log, health, clock, nginx } = this.#options;
    await this.#nginx.endLeftover();
    const files = filesOf(nginx.directory);
    const account = await workerAccount(nginx.user);
    await mkdir(files.temp, { recursive: true });
    // Who may enter may push routes: the workers' account, and nobody else.
    await chmod(nginx.directory, account === undefined ? 0o700 : 0o750);
    if (account !== undefined) await chown(nginx.directory, 0, account.gid);
    if (!reusePort) {
      this.#socket = inheritedSocket(process.env, process.pid) ?? sharedSocket(ip, port);
      if (tls !== undefined) this.#tlsSocket = sharedSocket(ip, tls.port);
    }
    this.#locator = new Locator({
      path: files.uls,
      log,
      owner: account,
      lookup: (host) => this.#news.lookup(host),
      reported: (report) => this.#reported(report),
    });
    await this.#locator.start();
    await this.#configuration.write(this.#ports);
    await this.#nginx.test();
    this.#nginx.start();
    await this.#ready();
    this.#timer = clock.setInterval(() => void this.#look(), lookMs);
    health.up = true;
    await this.#news.setUp(true);
    log.info({ event: 'listening', port: this.port, dataplane: 'nginx', workers: nginx.workers });
    if (tls !== undefined) log.info({ event: 'listening-tls', port: this.tlsPort });
  }

  /** Health first, then the listener, then what is running; what takes too long is cut off by `stop`. */
  async drain(): Promise<void> {
    const { clock, health, drainWaitMs, drainTimeoutMs, log } = this.#options;
    health.up = false;
    await this.#news.setUp(false);
    if (drainWaitMs > 0) await clock.sleep(drainWaitMs);
    this.#stopping = true;
    this.#closeSockets();
    const late = new AbortController();
    const ended = this.#nginx.end('SIGQUIT').then(() => true);
    const done = await Promise.race([ended, clock.sleep(drainTimeoutMs, late.signal).then(() => false)]);
    late.abort();
    if (!done) log.warn({ event: 'drain-timeout', cut_off: this.gauges().active });
  }

  async stop(): Promise<void> {
    const { clock, health } = this.#options;
    health.up = false;
    this.#stopping = true;
    this.#timer?.cancel();
    this.#news.stop();
    this.#closeSockets();
    const late = new AbortController();
    const ended = this.#nginx.end('SIGTERM').then(() => true);
    const gone = await Promise.race([ended, clock.sleep(stopGraceMs, late.signal).then(() => false)]);
    late.abort();
    if (!gone) await this.#nginx.end('SIGKILL');
    this.#control.close();
    await this.#locator?.stop();
  }

  /** Writes the configuration anew and, when nginx takes it, has it used; nobody is cut off. */
  async reload(): Promise<void> {
    await this.#configuration.rewrite(this.#ports, (file) => this.#nginx.test(file));
    this.#nginx.reload();
  }

  reports(): StatsReport[] {
    return this.#figures.take();
  }

  gauges(): PlaneGauges {
    return {
      active: this.#figures.active,
      clientConnections: this.#connections,
      backendConnections: 0,
      accessLogDropped: 0,
      workers: this.#options.nginx.workers,
    };
  }

  get #ports(): { port: number; tlsPort: number } {
    return { port: this.port, tlsPort: this.tlsPort };
  }

  /** Until nginx takes news. */
  async #ready(): Promise<void> {
    const { clock } = this.#options;
    for (let waited = 0; ; waited += pollMs) {
      try {
        await this.#control.connections();
        return;
      } catch (error) {
        if (this.#stopping) return;
        if (waited >= readyMs || this.#nginx.pid === undefined)
          throw new Error('nginx did not start', { cause: error });
      }
      await clock.sleep(pollMs);
    }
  }

  async #look(): Promise<void> {
    const { log } = this.#options;
    try {
      this.#connections = await this.#control.connections();
      if (!(await this.#configuration.isOld())) return;
      await this.reload();
      log.info({ event: 'certificates-loaded' });
    } catch (error) {
      if (!this.#stopping) log.error({ event: 'nginx-unwell', err: error });
    }
  }

  #reported(report: WorkerReport): void {
    for (const address of report.aside) {
      this.#news.setAside(address);
      this.#options.registry.setAside(address);
    }
    this.#figures.add(report);
  }

  #died(code: number | null, signal: string | null): void {
    const { log, clock } = this.#options;
    if (this.#stopping) return;
    log.error({ event: 'nginx-died', code, signal });
    this.#news.forgetAll();
    this.#figures.forgetActive();
    clock.setTimeout(() => {
      if (this.#stopping) return;
      this.#nginx.start();
      void this.#news.deliver();
    }, restartMs);
  }

  #closeSockets(): void {
    this.#socket?.close();
    this.#tlsSocket?.close();
    this.#socket = undefined;
    this.#tlsSocket = undefined;
  }
}
