import type { IncomingMessage } from 'node:http';
import type { Timer } from '@vcap/clock';
import { WebSocket } from 'ws';
import { SocketChannel } from '../stream/socket-channel.ts';
import { closeCodes } from '../wire/control.ts';
import type { Answer } from './caller.ts';
import type { Link } from './link.ts';
import { payloadBytes } from './link.ts';
import { networkError } from './network-error.ts';
import { TunnelError } from './tunnel-error.ts';

const HANDSHAKE_MS = 10_000;
const PING_MS = 20_000;
const LARGEST_MESSAGE_BYTES = 1024 * 1024;

/** The very first upgrade was answered by something else: this way does not take WebSockets. */
export class NoWebSocketError extends Error {
  override readonly name = 'NoWebSocketError';
  readonly status: number;

  constructor(status: number) {
    super(`the upgrade to a WebSocket was answered ${status}`);
    this.status = status;
  }
}

/** Carries bytes over WebSockets, one after the other when they break. @throws TunnelError, NoWebSocketError */
export async function carryOverSocket(link: Link): Promise<void> {
  const { endpoint, clock, signal } = link;
  const persistence = link.persistence();
  const over = new AbortController();
  let failure: TunnelError | undefined;
  let everOpen = false;
  let detached = (): void => undefined;
  const fail = (error: TunnelError): void => {
    failure ??= error;
    over.abort();
  };
  const channel = new SocketChannel(endpoint, {
    clock,
    windowBytes: () => payloadBytes,
    pingMs: PING_MS,
    failed: (reason) => fail(new TunnelError('caldecott', `the WebSocket's bytes do not add up: ${reason}`)),
    detached: (code, reason) => {
      if (code === closeCodes.ended || code === closeCodes.protocol)
        fail(new TunnelError('caldecott', reason));
      detached();
    },
    greeted: () => persistence.succeeded(),
    done: () => over.abort(),
  });
  const ended = AbortSignal.any([signal, over.signal]);
  ended.addEventListener('abort', () => detached());
  const renewal = showRenewedToken(link);
  try {
    while (!ended.aborted) {
      const cut = new Promise<void>((resolve) => {
        detached = resolve;
      });
      const outcome = await openSocket(link, ended, (socket) => {
        everOpen = true;
        channel.attach(socket);
      });
      if (outcome === 'open') {
        await cut;
        if (ended.aborted) break;
        const text = `the connection to ${link.caller.origin} was cut`;
        await persistence.failed(new TunnelError('network', text, { passing: true }), ended);
      } else if (outcome instanceof TunnelError) await persistence.failed(outcome, ended);
      else if (!everOpen && !isOurs(outcome)) throw new NoWebSocketError(outcome.status);
      else await persistence.refused(outcome, ended);
    }
  } finally {
    renewal.cancel();
    persistence.over();
    channel.close(closeCodes.done, '');
  }
  if (failure !== undefined) throw failure;
  const { peerEnd } = channel;
  // A break of our own side comes back as the destination's: that is no failure.
  if (peerEnd?.clean === false && endpoint.ended?.clean !== false) {
    throw new TunnelError('service', `the connection broke: ${peerEnd.reason}`);
  }
}

/** A WebSocket shows its token once; a renewed one is shown by a request, so that the tunnel lives as long as it. */
function showRenewedToken({ caller, clock, info, cookies, signal, renewalMs }: Link): Timer {
  let shown = caller.token;
  return clock.setInterval(() => {
    const { token } = caller;
    if (token === shown) return;
    caller.call({ method: 'GET', path: info.path, cookies, signal }).then(
      ({ status }) => {
        if (status === 200) shown = token;
      },
      () => undefined, // the next time
    );
  }, renewalMs);
}

/** Whether caldecott itself refused, so that another transport would be refused as well. */
function isOurs({ headers, status }: Answer): boolean {
  return (
    headers['tunnel-error'] === 'unknown-tunnel' ||
    (status === 404 && headers['x-cf-routererror'] !== undefined)
  );
}

/** `opened` is called in the very turn in which the socket opens, before any message can be missed. */
function openSocket(
  { caller, info, cookies }: Link,
  signal: AbortSignal,
  opened: (socket: WebSocket) => void,
): Promise<'open' | Answer | TunnelError> {
  return new Promise((resolve) => {
    const socket = new WebSocket(caller.origin.replace(/^http/, 'ws') + (info.path_socket ?? info.path), {
      headers: caller.headers(cookies),
      agent: caller.agent,
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: LARGEST_MESSAGE_BYTES,
    });
    const onAbort = (): void => socket.terminate();
    signal.addEventListener('abort', onAbort);
    const settle = (outcome: 'open' | Answer | TunnelError): void => {
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    };
    socket.once('open', () => {
      opened(socket);
      settle('open');
    });
    socket.on('error', (error) => settle(networkError(caller.origin, error)));
    socket.once('unexpected-response', (_request, response: IncomingMessage) => {
      void readAnswer(response).then((answer) => {
        settle(answer);
        socket.terminate();
      });
    });
  });
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      pieces.push(piece);
      if (pieces.length > 16) break;
    }
  } catch {
    // its head is enough
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) };
}
