import type { BackendConnection } from '../backend/backend-connection.ts';
import type { ChunkSink } from '../http/chunks.ts';

/** Brings a request to a backend: the head with the first of the body in one packet, then the rest. */
export class Upload implements ChunkSink {
  /** Some of the body has gone out: nobody else may get it. */
  started = false;
  #backend: BackendConnection | undefined;
  #head: string | undefined;
  #pauseClient: () => void;

  constructor(pauseClient: () => void) {
    this.#pauseClient = pauseClient;
  }

  /** Takes the connection and the head, which waits for the first of the body. */
  begin(backend: BackendConnection, head: string): void {
    this.#backend = backend;
    this.#head = head;
  }

  /** Forgets the backend. */
  stop(): void {
    this.#backend = undefined;
    this.#head = undefined;
  }

  /** For a new request. */
  reset(): void {
    this.stop();
    this.started = false;
  }

  /** Whether there is a backend that takes the body. */
  get ready(): boolean {
    return this.#backend !== undefined;
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    const { wire } = this.#backend ?? {};
    if (wire === undefined) return;
    this.started = true;
    const head = this.#head;
    this.#head = undefined;
    const more =
      head === undefined ? wire.writeBytes(buffer, start, end) : wire.writeBoth(head, buffer, start, end);
    if (!more) this.#pauseClient();
  }

  onTrailers(text: string): void {
    this.flush();
    this.#backend?.wire.writeText(text);
  }

  /** Sends a head that waited for a body in vain. */
  flush(): void {
    const head = this.#head;
    if (head === undefined) return;
    this.#head = undefined;
    this.#backend?.wire.writeText(head);
  }

  /** The request is out in full. */
  complete(): void {
    this.flush();
    if (this.#backend !== undefined) this.#backend.requestSent = true;
  }
}
