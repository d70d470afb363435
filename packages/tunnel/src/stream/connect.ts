import { lookup } from 'node:dns/promises';
import { connect, Socket } from 'node:net';
import type { Clock } from '@vcap/clock';
import type { Destination } from '../wire/messages.ts';

/** A connection could not be made; `reason` is the system's code (`ECONNREFUSED`) or `timeout`. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly reason: string;

  constructor({ host, port }: Destination, reason: string, cause?: unknown) {
    super(`${host}:${port} cannot be reached: ${texts[reason] ?? reason}`, { cause });
    this.reason = reason;
  }
}

const texts: Record<string, string> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ENOTFOUND: 'the name is not known (ENOTFOUND)',
  EHOSTUNREACH: 'there is no way to that host (EHOSTUNREACH)',
  timeout: 'it does not answer',
};

export interface ConnectOptions {
  clock: Clock;
  timeoutMs: number;
  /** Refuses addresses after the name was resolved, so that a name cannot stand for another place. */
  allowsAddress?: (address: string) => boolean;
  signal?: AbortSignal;
}

/** Opens a TCP connection that may be half-open. @throws ConnectError */
export async function connectTo(destination: Destination, options: ConnectOptions): Promise<Socket> {
  const { host, port } = destination;
  const { address } = await lookup(host).catch((error: NodeJS.ErrnoException) => {
    throw new ConnectError(destination, error.code ?? error.message, error);
  });
  if (options.allowsAddress?.(address) === false) {
    throw new ConnectError(destination, `${address} is outside the networks that may be reached`);
  }
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, allowHalfOpen: true });
    const fail = (reason: string, cause?: unknown): void => {
      settle();
      socket.destroy();
      reject(new ConnectError(destination, reason, cause));
    };
    const timer = options.clock.setTimeout(() => fail('timeout'), options.timeoutMs);
    const onAbort = (): void => fail('aborted');
    const onError = (error: NodeJS.ErrnoException): void => fail(error.code ?? error.message, error);
    const onConnect = (): void => {
      settle();
      resolve(socket);
    };
    const settle = (): void => {
      timer.cancel();
      socket.off('connect', onConnect);
      socket.off('error', onError);
      options.signal?.removeEventListener('abort', onAbort);
    };
    socket.once('connect', onConnect);
    socket.once('error', onError);
    options.signal?.addEventListener('abort', onAbort);
  });
}
