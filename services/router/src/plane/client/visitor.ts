import type { Wire } from '../wire/wire.ts';

/** Who asks: where the other end of a connection is, or where a load balancer says that it is. */
export class Visitor {
  readonly scheme: 'http' | 'https';
  #address: string;
  #port: number;
  #both: string | undefined;

  constructor(wire: Wire, scheme: 'http' | 'https') {
    this.scheme = scheme;
    this.#address = wire.remoteAddress;
    this.#port = wire.remotePort;
  }

  get address(): string {
    return this.#address;
  }

  get addressAndPort(): string {
    this.#both ??= `${this.#address}:${this.#port}`;
    return this.#both;
  }

  /** A load balancer told. */
  isAt({ address, port }: { address: string; port: number }): void {
    this.#address = address;
    this.#port = port;
    this.#both = undefined;
  }
}
