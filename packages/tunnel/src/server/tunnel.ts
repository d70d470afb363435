import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@vcap/clock';
import type { WebSocket } from 'ws';
import type { Endpoint } from '../stream/endpoint.ts';
import { SocketChannel } from '../stream/socket-channel.ts';
import { closeCodes } from '../wire/control.ts';
import type { Destination, TunnelInfo } from '../wire/messages.ts';
import type { Grant } from './grant.ts';
import { InSequence } from './in-sequence.ts';
import type { TunnelLimits } from './limits.ts';
import { OutSequence } from './out-sequence.ts';

/** A destination that does not read gets this long to take what is left for it. */
const LINGER_MS = 30_000;

export interface TunnelOptions {
  id: string;
  grant: Grant;
  destination: Destination;
  endpoint: Endpoint;
  clock: Clock;
  limits: TunnelLimits;
  payloadBytes: () => number;
  /** The tunnel is over; the reason is for the log. */
  over: (reason: string) => void;
}

/** One connection to a destination, and the requests or WebSockets that carry its bytes. */
export class Tunnel {
  readonly id: string;
  readonly destination: Destination;
  readonly openedAt: number;
  /** The newest grant of the owner that used the tunnel. */
  grant: Grant;
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #out: OutSequence;
  readonly #in: InSequence;
  readonly #channel: SocketChannel;
  #transport: 'http' | 'websocket' | undefined;
  #touchedAt: number;

  constructor(options: TunnelOptions) {
    const { endpoint, clock, limits, payloadBytes, over } = options;
    this.id = options.id;
    this.grant = options.grant;
    this.destination = options.destination;
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.openedAt = clock.now();
    this.#touchedAt = clock.monotonic();
    this.#out = new OutSequence(endpoint, clock, { ...limits, payloadBytes });
    this.#in = new InSequence(endpoint, clock, { ...limits, fail: over });
    this.#channel = new SocketChannel(endpoint, {
      clock,
      windowBytes: payloadBytes,
      pingMs: limits.pingMs,
      failed: over,
      detached: (code) => {
        this.touch();
        if (code === closeCodes.done) over('done');
      },
      done: () => undefined, // the client says so by closing, once it knows too
    });
  }

  get info(): TunnelInfo {
    const path = `/tunnels/${this.id}`;
    return {
      path,
      path_in: `${path}/in`,
      path_out: `${path}/out`,
      dst_host: this.destination.host,
      dst_port: this.destination.port,
      dst_connected: this.#endpoint.ended === undefined,
      seq_out: this.#out.seq,
      seq_in: this.#in.seq,
      path_socket: `${path}/socket`,
    };
  }

  /** Bytes kept in memory for this tunnel. */
  get buffered(): number {
    return this.#endpoint.incoming.length + this.#endpoint.queued;
  }

  get bytes(): { out: number; in: number } {
    return { out: this.#endpoint.incoming.end, in: this.#endpoint.written };
  }

  /** Whether the destination's side is over. */
  get ended(): boolean {
    return this.#endpoint.ended !== undefined;
  }

  /** Milliseconds since somebody last asked for this tunnel; none while a WebSocket is attached. */
  get idleMs(): number {
    return this.#channel.attached ? 0 : this.#clock.monotonic() - this.#touchedAt;
  }

  touch(): void {
    this.#touchedAt = this.#clock.monotonic();
  }

  /** Chooses how the bytes travel, once and for all; false when it was chosen otherwise. */
  use(transport: 'http' | 'websocket'): boolean {
    this.touch();
    this.#transport ??= transport;
    return this.#transport === transport;
  }

  get(seq: number, response: ServerResponse): void {
    this.#out.get(seq, response);
  }

  put(seq: number, request: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.#in.put(seq, request, response);
  }

  attach(socket: WebSocket): void {
    this.#channel.attach(socket);
  }

  /** Ends the tunnel: what was taken for the destination still goes there. `clean`: its client wished so. */
  close(reason: string, clean: boolean): void {
    this.#in.close();
    this.#channel.close(closeCodes.ended, reason);
    this.#endpoint.close();
    this.#out.close({ clean, reason });
    if (this.#endpoint.closed) return;
    const linger = this.#clock.setTimeout(() => this.#endpoint.reset(), LINGER_MS);
    this.#endpoint.onChange(() => this.#endpoint.closed && linger.cancel());
  }

  /** Ends the tunnel at once. */
  abort(reason: string): void {
    this.#endpoint.reset();
    this.close(reason, false);
  }
}
