import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { Server } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { AccessLog } from '../access-log.ts';
import { BackendPool } from './backend/pool.ts';
import { createPick } from './balance/pick.ts';
import { ClientConnection } from './client/client-connection.ts';
import { Visitor } from './client/visitor.ts';
import type { PlaneContext, PlaneSettings, PlaneState } from './context.ts';
import type { Certificates } from './front/certificates.ts';
import { Preamble } from './front/preamble.ts';
import type { Origin } from './front/proxy-protocol.ts';
import type { TlsFront } from './front/tls-front.ts';
import { RequestHead } from './http/request-head.ts';
import { ResponseHead } from './http/response-head.ts';
import { PlaneStats } from './stats.ts';
import type { StatsReport } from './stats.ts';
import { RouteTable } from './table/table.ts';
import { Wheel } from './wheel.ts';
import { createTransport } from './wire/transport.ts';
import type { TransportKind } from './wire/transport.ts';
import type { Wire } from './wire/wire.ts';

/** What a plane is made of. */
export interface PlaneOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: PlaneSettings;
  readonly accessLog: AccessLog;
  /** Address of this router, for traces. */
  readonly address: string;
  readonly transport?: TransportKind | undefined;
  /** Directory of certificates, for `serveTls`. */
  readonly certificates?: string | undefined;
  /** Load balancers say first where the visitor is. */
  readonly proxyProtocol?: boolean;
  /** Called with the address of a backend that failed and waits for its next registration. */
  readonly setAside: (address: string) => void;
}

const stopTimeoutMs = 1000;
const certificatesMs = 2000;
/** From the end of accepting to the closing of connections that have asked nothing. */
const lastWordMs = 100;
const mostTurns = 200;

/** The data plane of one process: visitors' connections on one side, backends' on the other, the routes between. */
export class Plane {
  readonly table: RouteTable;
  readonly #options: PlaneOptions;
  readonly #context: PlaneContext;
  readonly #state: PlaneState = { active: 0, draining: true, closing: false, idle: undefined };
  readonly #clients = new Set<ClientConnection>();
  readonly #preambles = new Set<Preamble>();
  readonly #servers: Server[] = [];
  #accepted = 0;
  #tls: TlsFront | undefined;
  #certificates: Certificates | undefined;
  readonly #wheel: Wheel;
  readonly #pool = new BackendPool();
  readonly #stats = new PlaneStats();

  constructor(options: PlaneOptions) {
    const { clock, log, settings, accessLog, address } = options;
    this.#options = options;
    this.#wheel = new Wheel(clock);
    this.table = new RouteTable({
      gone: (endpoint) => this.#pool.forget(endpoint),
      now: () => clock.monotonic(),
    });
    this.#context = {
      clock,
      log,
      settings,
      sessionNames: new Set(settings.stickyCookieNames),
      table: this.table,
      pool: this.#pool,
      transport: createTransport(options.transport),
      wheel: this.#wheel,
      pick: createPick(settings, Math.random),
      accessLog,
      stats: this.#stats,
      requestHead: new RequestHead(),
      responseHead: new ResponseHead(),
      address,
      state: this.#state,
      setAside: (endpoint) => options.setAside(endpoint.facts.address),
    };
  }

  /** How connections are read and written. */
  get transport(): TransportKind {
    return this.#context.transport.kind;
  }

  /** Running requests and tunnels. */
  get active(): number {
    return this.#state.active;
  }

  /** Visitors' connections, idle ones included. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Lets visitors in through a server that listens or is about to. */
  serve(server: Server): void {
    this.#servers.push(server);
    this.#context.transport.accept(server, (wire) => this.#accept(wire));
    this.#open(server);
  }

  /** Lets visitors in over TLS, whose sessions are sealed with a key; rejects when there is no usable certificate. */
  async serveTls(server: Server, ticketKeys: Buffer): Promise<void> {
    const { clock, log, certificates: directory = '', settings, proxyProtocol } = this.#options;
    // Closed with the others, whatever comes of the certificates.
    this.#servers.push(server);
    // Where no TLS is wanted its modules, a dozen MB with Node's, are not loaded.
    const front = await import('./front/index.ts');
    const certificates = new front.Certificates({ directory, clock, log, intervalMs: certificatesMs });
    await certificates.start();
    this.#certificates = certificates;
    this.#tls = new front.TlsFront({
      certificates,
      handshakeMs: settings.connectMs,
      ticketKeys,
      proxyProtocol: proxyProtocol === true,
      accepted: (wire, origin) => this.#client(wire, 'https', origin),
    });
    this.#tls.serve(server);
    this.#open(server);
  }

  /** Says so to visitors, who are still served. */
  startDraining(): void {
    this.#state.draining = true;
  }

  /** No new visitors; resolves when none is being served, or after `timeoutMs`. Returns what is left. */
  async finish(timeoutMs: number): Promise<number> {
    const { clock } = this.#options;
    this.#state.draining = true;
    // Who waits to be let in would be reset: the loop takes them in on its way round, until one that found nobody.
    for (let turns = 0, before = -1; turns < mostTurns && before !== this.#accepted; turns += 1) {
      before = this.#accepted;
      // The first may end before the loop has looked once.
      await turn();
      await turn();
    }
    for (const server of this.#servers) server.close();
    // Who was let in last has yet to be heard; after a stall timers come before what was said meanwhile.
    await clock.sleep(Math.min(lastWordMs, timeoutMs));
    await turn();
    await turn();
    this.#state.closing = true;
    this.#tls?.drain();
    for (const client of Array.from(this.#clients)) client.closeIfIdle();
    await this.#untilIdle(timeoutMs, clock);
    return this.#state.active;
  }

  /** Closes everything; resolves when what it leaves in the log is there. */
  async stop(): Promise<void> {
    this.#state.draining = true;
    this.#state.closing = true;
    for (const server of this.#servers) server.close();
    this.#certificates?.stop();
    for (const { wire } of this.#clients) wire.destroy();
    for (const each of this.#preambles) each.destroy();
    this.#tls?.destroy();
    this.#pool.close();
    await this.#untilIdle(stopTimeoutMs, this.#options.clock);
    this.#wheel.stop();
  }

  /** The figures since the last report. */
  report(): StatsReport {
    return { ...this.#stats.take(), ...this.gauges() };
  }

  /** The state of the moment. */
  gauges(): Pick<StatsReport, 'active' | 'clientConnections' | 'backendConnections' | 'accessLogDropped'> {
    return {
      active: this.#state.active,
      clientConnections: this.#clients.size,
      backendConnections: this.#pool.connections,
      accessLogDropped: this.#options.accessLog.dropped,
    };
  }

  #open(server: Server): void {
    this.#wheel.start();
    this.#state.draining = false;
    server.on('error', (error) => this.#options.log.error({ event: 'listener-failed', err: error }));
  }

  #accept(wire: Wire): void {
    if (this.#options.proxyProtocol !== true) this.#client(wire, 'http', undefined);
    else {
      const preamble = new Preamble(
        wire,
        this.#wheel,
        (origin) => this.#client(wire, 'http', origin),
        (gone) => this.#preambles.delete(gone),
      );
      this.#preambles.add(preamble);
      wire.resume();
    }
  }

  #client(wire: Wire, scheme: 'http' | 'https', origin: Origin | undefined): ClientConnection {
    const visitor = new Visitor(wire, scheme);
    if (origin !== undefined) visitor.isAt(origin);
    const client = new ClientConnection(this.#context, wire, visitor, (gone) => this.#clients.delete(gone));
    this.#clients.add(client);
    this.#accepted += 1;
    wire.resume();
    return client;
  }

  async #untilIdle(timeoutMs: number, clock: Clock): Promise<void> {
    if (this.#state.active === 0) return;
    const late = new AbortController();
    const idle = new Promise<void>((resolve) => {
      this.#state.idle = resolve;
    });
    await Promise.race([idle, clock.sleep(timeoutMs, late.signal)]);
    late.abort();
  }
}
