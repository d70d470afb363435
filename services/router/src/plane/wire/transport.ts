import { lookup } from 'node:dns';
import { connect, isIP } from 'node:net';
import type { Server, Socket } from 'node:net';
import { loadBindings } from './bindings.ts';
import type { Bindings, TcpHandle } from './bindings.ts';
import { HandleWire, systemError } from './handle-wire.ts';
import { SocketWire } from './socket-wire.ts';
import type { Connected, Wire, WireHandler } from './wire.ts';

/** `handles`: Node's TCP handles, the faster way; `sockets`: documented `node:net` only. */
export type TransportKind = 'handles' | 'sockets';

/** A connection that is being made. */
export interface Connecting {
  readonly wire: Wire;
  /** Gives up; `done` is not called any more. */
  abort(): void;
}

/** Makes wires, of what a server accepts and to what is connected. */
export interface Transport {
  readonly kind: TransportKind;
  /** Called for each accepted connection from now on; the handler is set by the caller before it resumes the wire. */
  accept(server: Server, accepted: (wire: Wire) => void): void;
  connect(host: string, port: number, handler: WireHandler, done: Connected): Connecting;
}

/** The fastest transport this Node has, unless told otherwise. */
export function createTransport(wanted?: TransportKind): Transport {
  const bindings = wanted === 'sockets' ? undefined : loadBindings();
  return bindings === undefined ? socketTransport : handleTransport(bindings);
}

/** Drops what comes: the handler of a wire that nobody has taken yet. */
export const deaf: WireHandler = {
  onData: () => undefined,
  onEnd: () => undefined,
  onDrain: () => undefined,
  onWriteError: () => undefined,
  onClose: () => undefined,
};

const socketTransport: Transport = {
  kind: 'sockets',
  accept(server, accepted) {
    server.on('connection', (socket: Socket) => accepted(new SocketWire(socket, deaf)));
  },
  connect(host, port, handler, done) {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const wire = new SocketWire(socket, deaf);
    let over = false;
    const end: Connected = (error) => {
      if (over) return;
      over = true;
      if (error === undefined) wire.handler = handler;
      done(error);
    };
    socket.once('connect', () => end(undefined));
    socket.once('error', end);
    return {
      wire,
      abort() {
        over = true;
        wire.destroy();
      },
    };
  },
};

function handleTransport(bindings: Bindings): Transport {
  return {
    kind: 'handles',
    accept(server, accepted) {
      // Replaces what makes a stream of each connection: the server itself goes on listening and closing.
      const { _handle: listening } = server as unknown as { _handle: { onconnection: unknown } };
      listening.onconnection = (status: number, handle: TcpHandle | undefined) => {
        if (status === 0 && handle !== undefined) accepted(new HandleWire(bindings, handle, deaf));
      };
    },
    connect(host, port, handler, done) {
      const handle = new bindings.TCP(bindings.socketKind);
      const wire = new HandleWire(bindings, handle, deaf);
      let over = false;
      const end = (status: number): void => {
        if (over) return;
        over = true;
        if (status === 0) {
          wire.handler = handler;
          return done(undefined);
        }
        wire.destroy();
        done(systemError(status, 'connect'));
      };
      const go = (address: string, family: number): void => {
        const request = new bindings.ConnectWrap();
        request.oncomplete = end;
        const status =
          family === 6 ? handle.connect6(request, address, port) : handle.connect(request, address, port);
        if (status !== 0) process.nextTick(end, status);
      };
      const family = isIP(host);
      if (family !== 0) go(host, family);
      else
        lookup(host, (error, address, found) => {
          if (over) return;
          if (error === null) return go(address, found);
          over = true;
          wire.destroy();
          done(error);
        });
      return {
        wire,
        abort() {
          over = true;
          wire.destroy();
        },
      };
    },
  };
}
