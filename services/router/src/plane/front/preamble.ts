import type { Wheel, WheelItem } from '../wheel.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { readProxyHeader } from './proxy-protocol.ts';
import type { Origin } from './proxy-protocol.ts';

const patienceMs = 5000;

/** Reads the Proxy Protocol's header off a connection, then hands it on with what came behind it. */
export class Preamble implements WireHandler, WheelItem {
  deadline = 0;
  wheelSlot = -1;
  wheelIndex = 0;
  readonly #wire: Wire;
  readonly #wheel: Wheel;
  readonly #done: (origin: Origin | undefined) => WireHandler;
  readonly #gone: (preamble: Preamble) => void;
  #held: Buffer = Buffer.alloc(0);

  constructor(
    wire: Wire,
    wheel: Wheel,
    done: (origin: Origin | undefined) => WireHandler,
    gone: (preamble: Preamble) => void,
  ) {
    this.#wire = wire;
    this.#wheel = wheel;
    this.#done = done;
    this.#gone = gone;
    wire.handler = this;
    wheel.set(this, patienceMs);
  }

  destroy(): void {
    this.#wire.destroy();
  }

  onData(buffer: Buffer, length: number): void {
    this.#held = Buffer.concat([this.#held, buffer.subarray(0, length)]);
    const header = readProxyHeader(this.#held);
    if (header === 'more') return;
    if (header === 'bad') return this.destroy();
    this.#leave();
    const rest = this.#held.subarray(header.end);
    const handler = this.#done(header.origin);
    if (rest.length > 0) handler.onData(rest, rest.length);
  }

  onEnd(): void {
    this.destroy();
  }

  onDrain(): void {
    // Nothing is written before the header is read.
  }

  onWriteError(): void {
    this.destroy();
  }

  onClose(): void {
    this.#leave();
  }

  onDeadline(): void {
    this.destroy();
  }

  #leave(): void {
    this.#wheel.remove(this);
    this.#gone(this);
  }
}
