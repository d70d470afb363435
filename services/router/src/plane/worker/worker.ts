import type { Clock, Timer } from '@vcap/clock';
import type { Server } from 'node:net';
import { AccessLog } from '../../access-log.ts';
import { listen, portOf } from '../listening.ts';
import { Plane } from '../plane.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './messages.ts';
import { createWorkerLog } from './worker-log.ts';

const reportMs = 1000;

/** A data plane in a process of its own, led by messages. */
export class Worker {
  readonly #clock: Clock;
  readonly #send: (message: FromWorker) => void;
  readonly #exit: () => void;
  #plane: Plane | undefined;
  #accessLog: AccessLog | undefined;
  #server: Server | undefined;
  #timer: Timer | undefined;
  #setup: WorkerSetup | undefined;
  #stopping = false;

  constructor(options: { clock: Clock; send: (message: FromWorker) => void; exit: () => void }) {
    this.#clock = options.clock;
    this.#send = options.send;
    this.#exit = options.exit;
  }

  async receive(message: ToWorker): Promise<void> {
    const plane = this.#plane;
    switch (message.kind) {
      case 'setup':
        return this.#start(message.setup);
      case 'changes':
        for (const change of message.changes) plane?.table.apply(change);
        return;
      case 'serve':
        return this.#serve();
      case 'drain':
        return plane?.startDraining();
      case 'finish':
        return this.#send({ kind: 'finished', left: (await plane?.finish(message.timeoutMs)) ?? 0 });
      case 'stop':
        return this.stop();
    }
  }

  /** Closes everything, reports a last time, and exits. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#timer?.cancel();
    await this.#plane?.stop();
    this.#report();
    await this.#accessLog?.stop();
    this.#exit();
  }

  async #start(setup: WorkerSetup): Promise<void> {
    const log = createWorkerLog(this.#clock, this.#send);
    this.#setup = setup;
    this.#accessLog = new AccessLog({ path: setup.accessLog, clock: this.#clock, log });
    this.#plane = new Plane({
      clock: this.#clock,
      log,
      settings: setup.settings,
      accessLog: this.#accessLog,
      address: setup.address,
      transport: setup.transport,
      certificates: setup.tls?.directory,
      proxyProtocol: setup.proxyProtocol,
      setAside: (address) => this.#send({ kind: 'aside', address }),
    });
    await this.#accessLog.start();
    this.#timer = this.#clock.setInterval(() => this.#report(), reportMs);
  }

  async #serve(): Promise<void> {
    const { fd, ip, port, tls } = this.#setup as WorkerSetup;
    const plane = this.#plane as Plane;
    try {
      this.#server = await listen(fd === undefined ? { ip, port, reusePort: true } : { fd });
      plane.serve(this.#server);
      let tlsPort = 0;
      if (tls !== undefined) {
        const where = tls.fd === undefined ? { ip, port: tls.port, reusePort: true } : { fd: tls.fd };
        const server = await listen(where);
        tlsPort = portOf(server);
        await plane.serveTls(server, Buffer.from(tls.ticketKeys, 'base64'));
      }
      const { transport } = plane;
      this.#send({ kind: 'listening', port: portOf(this.#server), tlsPort, transport });
    } catch (error) {
      this.#send({ kind: 'failed', why: error instanceof Error ? error.message : String(error) });
    }
  }

  #report(): void {
    if (this.#plane !== undefined) this.#send({ kind: 'report', report: this.#plane.report() });
  }
}
