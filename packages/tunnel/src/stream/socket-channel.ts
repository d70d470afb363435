import type { Clock, Timer } from '@vcap/clock';
import type { WebSocket } from 'ws';
import { closeCodes, parseControl } from '../wire/control.ts';
import type { Control } from '../wire/control.ts';
import type { Endpoint, StreamEnd } from './endpoint.ts';

export interface ChannelSettings {
  clock: Clock;
  /** What the peer may send ahead of our acknowledgement, in bytes; asked at each connection. */
  windowBytes(): number;
  /** Between two probes; a peer silent for two of them is given up. */
  pingMs: number;
  /** The peer broke the protocol: the tunnel cannot go on truthfully. */
  failed(reason: string): void;
  /** The WebSocket is gone; whoever opens connections may open another. `code` as in its close frame. */
  detached(code: number, reason: string): void;
  /** The peer said hello on a new connection. */
  greeted?(): void;
  /** Nothing is left to do, and the peer knows all it must. */
  done(): void;
}

const PIECE_BYTES = 128 * 1024;
/** Acknowledgements come at least this often: less than any sender keeps, so that none waits for one in vain. */
const ACK_BYTES = 32 * 1024;

/**
 * One half of a tunnel over WebSocket connections: the same on both sides. Bytes from the endpoint are kept until the
 * peer has passed them on, so that a new connection goes on exactly where the old one broke. The peer sends no more
 * than the window ahead of what the endpoint took: memory is bounded without ever stopping the probes.
 */
export class SocketChannel {
  readonly #endpoint: Endpoint;
  readonly #settings: ChannelSettings;
  readonly #stopListening: () => void;
  #socket: WebSocket | undefined;
  /** Bytes of the peer that were passed on to the endpoint, and what of it the peer knows. */
  #received = 0;
  #acknowledged = 0;
  #window = 0;
  /** Our bytes that went out on the present connection; undefined until the peer has said hello. */
  #sent: number | undefined;
  #peerWindow = 0;
  #endSent = false;
  #endKnown = false;
  #peerEnd: StreamEnd | undefined;
  #finished = false;
  #probe: Timer | undefined;
  #heard = true;

  constructor(endpoint: Endpoint, settings: ChannelSettings) {
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.#stopListening = endpoint.onChange(() => this.#onEndpoint());
  }

  get attached(): boolean {
    return this.#socket !== undefined;
  }

  /** How the peer's direction ended, once it has. */
  get peerEnd(): StreamEnd | undefined {
    return this.#peerEnd;
  }

  /** Goes on with an open WebSocket; an older one is given up. */
  attach(socket: WebSocket): void {
    this.#drop(closeCodes.superseded, 'a newer connection took over');
    this.#socket = socket;
    this.#endSent = false;
    this.#heard = true;
    this.#window = this.#settings.windowBytes();
    this.#acknowledged = this.#received;
    socket.on('message', (data, isBinary) => {
      if (this.#socket !== socket) return;
      this.#heard = true;
      if (isBinary) this.#onBytes(data as Buffer);
      else this.#onControl((data as Buffer).toString());
    });
    for (const event of ['ping', 'pong'] as const) socket.on(event, () => (this.#heard = true));
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', (code, reason) => {
      if (this.#socket !== socket) return;
      this.#forget();
      this.#settings.detached(code, reason.toString());
    });
    this.#probe = this.#settings.clock.setInterval(() => this.#onProbe(socket), this.#settings.pingMs);
    this.#say({ type: 'hello', received: this.#received, window: this.#window });
  }

  /** Closes the WebSocket, without a word to `detached`, for good. */
  close(code: number, reason: string): void {
    this.#finished = true;
    this.#stopListening();
    this.#drop(code, reason);
  }

  #onBytes(bytes: Buffer): void {
    if (this.#peerEnd !== undefined) return this.#broken('bytes after the end');
    if (this.#received + bytes.length - this.#acknowledged > this.#window + PIECE_BYTES) {
      return this.#broken('more bytes than the window allows');
    }
    this.#received += bytes.length;
    this.#endpoint.write(bytes);
    this.#acknowledge(ACK_BYTES);
  }

  #onControl(text: string): void {
    const message = parseControl(text);
    if (message === undefined) return this.#broken('an unreadable control frame');
    if (message.type === 'end') return this.#onEnd(message);
    const { start, end } = this.#endpoint.incoming;
    if (message.received > end || message.received < start) {
      return this.#broken(`${message.received} bytes claimed, ${start} to ${end} are kept`);
    }
    if (message.type === 'hello') {
      this.#sent = message.received;
      this.#peerWindow = message.window;
      this.#settings.greeted?.();
    } else if (this.#sent === undefined || message.received > this.#sent) {
      return this.#broken('bytes acknowledged that were not sent');
    } else if (message.end === true) {
      this.#endKnown = this.#endSent;
    }
    this.#endpoint.release(message.received);
    this.#pump();
  }

  #onEnd({ total, clean, reason }: Extract<Control, { type: 'end' }>): void {
    if (total !== this.#received) return this.#broken(`${this.#received} of ${total} bytes before the end`);
    if (this.#peerEnd === undefined) {
      this.#peerEnd = { clean, reason };
      if (clean) this.#endpoint.finish();
      else this.#endpoint.reset();
    }
    this.#say({ type: 'ack', received: total, end: true });
    this.#settle();
  }

  #onEndpoint(): void {
    this.#acknowledge(ACK_BYTES);
    this.#pump();
  }

  /** Sends what the peer's window has room for. */
  #pump(): void {
    const { incoming, ended } = this.#endpoint;
    const socket = this.#socket;
    if (socket === undefined || this.#sent === undefined) return;
    const until = Math.min(incoming.end, incoming.start + this.#peerWindow);
    while (this.#sent < until) {
      for (const piece of incoming.read(this.#sent, Math.min(PIECE_BYTES, until - this.#sent))) {
        socket.send(piece, { binary: true });
        this.#sent += piece.length;
      }
    }
    if (ended !== undefined && this.#sent === incoming.end && !this.#endSent) {
      this.#endSent = true;
      this.#say({ type: 'end', total: incoming.end, clean: ended.clean, reason: ended.reason });
    }
    this.#settle();
  }

  /** Tells the peer what it may forget, once it is `atLeast` bytes and the endpoint has taken what it got. */
  #acknowledge(atLeast: number): void {
    const fresh = this.#received - this.#acknowledged;
    if (fresh === 0 || fresh < Math.min(atLeast, this.#window / 4)) return;
    if (this.#socket === undefined || !(this.#endpoint.writable || this.#endpoint.closed)) return;
    this.#acknowledged = this.#received;
    this.#say({ type: 'ack', received: this.#received });
  }

  /** Done when our end is known and the peer's came, or nobody is left who could hear it. */
  #settle(): void {
    if (this.#finished) return;
    const heard = this.#peerEnd !== undefined || this.#endpoint.closed;
    if (!(this.#peerEnd?.clean === false || (this.#endKnown && heard))) return;
    this.#finished = true;
    this.#settings.done();
  }

  #onProbe(socket: WebSocket): void {
    if (!this.#heard) return socket.terminate();
    this.#heard = false;
    this.#acknowledge(1);
    socket.ping();
  }

  #say(message: Control): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #broken(reason: string): void {
    this.#drop(closeCodes.protocol, reason);
    this.#settings.failed(reason);
  }

  #drop(code: number, reason: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#forget();
    socket.close(code, reason.slice(0, 100));
  }

  #forget(): void {
    this.#probe?.cancel();
    this.#probe = undefined;
    this.#socket = undefined;
    this.#sent = undefined;
  }
}
