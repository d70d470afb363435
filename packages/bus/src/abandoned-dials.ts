import { NodeTransport } from 'nats/lib/src/node_transport.js';

/** What is used of the client's transport. */
interface Transport {
  connected: boolean;
  done: boolean;
  close(error?: Error): Promise<void>;
  setupHandlers(): void;
}

let mended = false;

/**
 * The client gives a server that does not answer up, but not its attempt to connect: when that succeeds after all, as with
 * a server that was just starting, and ends again for want of a login, the client takes it for the end of the
 * connection that it has meanwhile, and makes a new one beside it. After this an attempt that was given up ends with
 * that. Where a later version of the client looks different, it is left as it is.
 */
export function mendAbandonedDials(): void {
  if (mended) return;
  mended = true;
  const transport = NodeTransport.prototype as unknown as Partial<Transport>;
  const { close, setupHandlers } = transport;
  if (close === undefined || setupHandlers === undefined) return;
  transport.close = function (this: Transport, error?: Error): Promise<void> {
    if (!this.connected) this.done = true;
    return close.call(this, error);
  };
  transport.setupHandlers = function (this: Transport): void {
    // Its caller destroys the socket then.
    if (this.done) throw new Error('given up before it was connected');
    setupHandlers.call(this);
  };
}
