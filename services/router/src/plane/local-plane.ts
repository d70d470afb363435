import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { Member } from '@vcap/component';
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:net';
import type { AccessLog } from '../access-log.ts';
import type { Health } from '../health.ts';
import type { PlaneGauges } from '../metrics/metrics.ts';
import type { Registry } from '../registry/registry.ts';
import type { PlaneSettings } from './context.ts';
import { ticketKeyBytes } from './front/tls-settings.ts';
import { inheritedSocket, listen, portOf } from './listening.ts';
import { Plane } from './plane.ts';
import type { StatsReport } from './stats.ts';
import type { TransportKind } from './wire/transport.ts';

/** What the members that let visitors in need; times in milliseconds. */
export interface ServingOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  readonly health: Health;
  readonly accessLog: AccessLog;
  readonly settings: PlaneSettings;
  readonly transport: TransportKind | undefined;
  readonly address: string;
  readonly ip: string;
  readonly port: number;
  /** Another router may listen on the same port, to take over. */
  readonly reusePort: boolean;
  /** A port for TLS beside the other, and its certificates. */
  readonly tls: { readonly port: number; readonly directory: string } | undefined;
  readonly proxyProtocol: boolean;
  readonly drainWaitMs: number;
  readonly drainTimeoutMs: number;
}

/** A member that lets visitors in, in this process or in others. */
export interface Serving extends Member {
  readonly port: number;
  /** The port for TLS; 0: none. */
  readonly tlsPort: number;
  reports(): StatsReport[];
  gauges(): PlaneGauges;
}

/** The data plane in the component's own process. */
export class LocalPlane implements Serving {
  readonly name = 'proxy';
  readonly #options: ServingOptions;
  readonly #plane: Plane;
  #server: Server | undefined;
  #tlsServer: Server | undefined;

  constructor(options: ServingOptions) {
    const { clock, log, settings, accessLog, address, transport, registry, tls, proxyProtocol } = options;
    this.#options = options;
    this.#plane = new Plane({
      clock,
      log,
      settings,
      accessLog,
      address,
      transport,
      certificates: tls?.directory,
      proxyProtocol,
      setAside: (failed) => registry.setAside(failed),
    });
    for (const change of registry.changes()) this.#plane.table.apply(change);
    registry.onChange((change) => this.#plane.table.apply(change));
  }

  get port(): number {
    return this.#server === undefined ? this.#options.port : portOf(this.#server);
  }

  get tlsPort(): number {
    return this.#tlsServer === undefined ? 0 : portOf(this.#tlsServer);
  }

  async start(): Promise<void> {
    const { ip, port, reusePort, log, health } = this.#options;
    this.#server = await listen(inheritedSocket(process.env, process.pid) ?? { ip, port, reusePort });
    this.#plane.serve(this.#server);
    const { tls } = this.#options;
    if (tls !== undefined) {
      this.#tlsServer = await listen({ ip, port: tls.port, reusePort });
      await this.#plane.serveTls(this.#tlsServer, randomBytes(ticketKeyBytes));
      log.info({ event: 'listening-tls', port: this.tlsPort });
    }
    health.up = true;
    log.info({ event: 'listening', port: this.port, transport: this.#plane.transport });
  }

  /** Health first, then the listener, then what is running; what takes too long is cut off by `stop`. */
  async drain(): Promise<void> {
    const { clock, health, log, drainWaitMs, drainTimeoutMs } = this.#options;
    health.up = false;
    this.#plane.startDraining();
    if (drainWaitMs > 0) await clock.sleep(drainWaitMs);
    if (this.#plane.active > 0) log.info({ event: 'draining', active: this.#plane.active });
    const left = await this.#plane.finish(drainTimeoutMs);
    if (left > 0) log.warn({ event: 'drain-timeout', cut_off: left });
  }

  async stop(): Promise<void> {
    this.#options.health.up = false;
    await this.#plane.stop();
  }

  reports(): StatsReport[] {
    return [this.#plane.report()];
  }

  gauges(): PlaneGauges {
    return { ...this.#plane.gauges(), workers: 0 };
  }
}
