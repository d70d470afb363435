import type { Wire, WireHandler } from './wire/wire.ts';

const keepAliveProbeMs = 60_000;

/**
 * Joins two connections until both have ended or one broke. A side that ends only its own direction is obeyed: the
 * other direction goes on. Peers that vanished without a word are found by TCP's probes.
 */
export class Tunnel {
  readonly #ended: (fromClient: number, fromBackend: number) => void;
  readonly #client: Side;
  readonly #backend: Side;
  #open = 2;

  constructor(client: Wire, backend: Wire, ended: (fromClient: number, fromBackend: number) => void) {
    this.#ended = ended;
    this.#client = new Side(client, () => this.#closed());
    this.#backend = new Side(backend, () => this.#closed());
    this.#client.other = this.#backend;
    this.#backend.other = this.#client;
  }

  /** Starts with what came early from either side. */
  begin(early: Buffer | undefined, buffer: Buffer, start: number, end: number): void {
    this.#backend.forward(buffer, start, end);
    if (early !== undefined) this.#client.forward(early, 0, early.length);
    for (const { wire } of [this.#client, this.#backend]) {
      wire.streaming = true;
      wire.keepAlive(keepAliveProbeMs);
    }
    this.#client.wire.resume();
    this.#backend.wire.resume();
  }

  #closed(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#ended(this.#client.bytes, this.#backend.bytes);
  }
}

class Side implements WireHandler {
  readonly wire: Wire;
  other: Side | undefined;
  /** Bytes that came from here. */
  bytes = 0;
  #ended = false;
  readonly #closed: () => void;

  constructor(wire: Wire, closed: () => void) {
    this.wire = wire;
    this.#closed = closed;
    wire.handler = this;
  }

  forward(buffer: Buffer, start: number, end: number): void {
    this.bytes += end - start;
    if (this.other?.wire.writeBytes(buffer, start, end) === false) this.wire.pause();
  }

  onData(buffer: Buffer, length: number): void {
    this.forward(buffer, 0, length);
  }

  onEnd(): void {
    this.#ended = true;
    const { other } = this;
    if (other === undefined) return;
    other.wire.end();
    if (!other.#ended) return;
    other.wire.closeSoon();
    this.wire.closeSoon();
  }

  onDrain(): void {
    this.other?.wire.resume();
  }

  onWriteError(): void {
    this.wire.destroy();
  }

  onClose(): void {
    const { other } = this;
    if (other !== undefined && !other.wire.closed) {
      if (this.#ended) other.wire.closeSoon();
      else other.wire.destroy();
    }
    this.#closed();
  }
}
