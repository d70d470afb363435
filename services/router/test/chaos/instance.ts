import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { systemClock as clock } from '@vcap/clock';

/** One instance: it answers its application's name and its own id, a little late or at once. */
export interface Instance {
  readonly app: string;
  readonly id: string;
  readonly port: number;
  /** Monotonic ms since when it has been announced; undefined: nobody knows it. */
  knownSince: number | undefined;
  /** Lets what runs end, then closes. */
  finish(): Promise<void>;
  /** Resets everything. */
  crash(): void;
}

/** A connection, and what of a request has come over it. */
interface Open {
  readonly socket: Socket;
  held: string;
  /** An answer is on its way. */
  busy: boolean;
}

/** Starts one; undefined when the port is taken. It speaks just enough HTTP to cost next to nothing. */
export function startInstance(app: string, id: string, port: number): Promise<Instance | undefined> {
  const all = new Set<Open>();
  const state = { leaving: false };
  const text = `${app} ${id}\n`;
  const answer = (open: Open): void => {
    const close = state.leaving ? 'Connection: close\r\n' : '';
    open.busy = false;
    open.socket.write(`HTTP/1.1 200 OK\r\n${close}Content-Length: ${text.length}\r\n\r\n${text}`, 'latin1');
    if (state.leaving) open.socket.end();
  };
  const read = (open: Open, chunk: string): void => {
    open.held += chunk;
    const end = open.held.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(open.held.slice(0, end))?.[1] ?? 0);
    if (open.held.length < end + 4 + length) return;
    const late = open.held.includes(' /late ');
    open.held = '';
    open.busy = true;
    if (late) clock.setTimeout(() => answer(open), 5 + Math.random() * 30);
    else answer(open);
  };
  const server = createServer({ noDelay: true }, (socket) => {
    const open: Open = { socket, held: '', busy: false };
    all.add(open);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => read(open, chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => all.delete(open));
  });
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () =>
      resolve({
        app,
        id,
        port,
        knownSince: undefined,
        finish: () =>
          new Promise((done) => {
            state.leaving = true;
            server.close(() => done());
            for (const { socket, held, busy } of all) if (!busy && held === '') socket.end();
            clock.setTimeout(() => {
              for (const { socket } of all) socket.destroy();
            }, 5000);
          }),
        crash() {
          server.close();
          for (const { socket } of all) socket.resetAndDestroy();
        },
      }),
    );
  });
}
