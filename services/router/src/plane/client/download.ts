import type { Wire } from '../wire/wire.ts';

/** Brings an answer to the client: the head with the first of the body in one packet, then the rest. */
export class Download {
  /** Something of the answer is out: the client gets no other. */
  begun = false;
  readonly #wire: Wire;
  #head: string | undefined;
  #pack = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** For a new request. */
  reset(): void {
    this.begun = false;
    this.#head = undefined;
    this.#pack = false;
  }

  /** Takes the head; `pack`: a body that ends with its connection is packed into chunks. */
  begin(head: string, pack: boolean): void {
    this.#head = head;
    this.#pack = pack;
  }

  /** False: the client is slower than the backend. */
  body(buffer: Buffer, start: number, end: number): boolean {
    if (this.#pack) {
      this.#takeText(`${(end - start).toString(16)}\r\n`);
      this.#send(buffer, start, end);
      return this.#wire.writeText('\r\n');
    }
    return this.#send(buffer, start, end);
  }

  /** Ends in the middle of an answer; one without framing would look complete, so it is reset. */
  cut(framed: boolean): void {
    if (framed) this.#wire.destroy();
    else this.#wire.reset();
  }

  trailers(text: string): void {
    this.flush();
    this.#wire.writeText(text);
  }

  /** Sends a head that waited for a body in vain. */
  flush(): void {
    const head = this.#head;
    if (head === undefined) return;
    this.#head = undefined;
    this.begun = true;
    this.#wire.writeText(head);
  }

  complete(): void {
    if (this.#pack) this.#takeText('0\r\n\r\n');
    this.flush();
  }

  #takeText(text: string): void {
    this.#head = this.#head === undefined ? text : this.#head + text;
  }

  #send(buffer: Buffer, start: number, end: number): boolean {
    const head = this.#head;
    if (head === undefined) return this.#wire.writeBytes(buffer, start, end);
    this.#head = undefined;
    this.begun = true;
    return this.#wire.writeBoth(head, buffer, start, end);
  }
}
