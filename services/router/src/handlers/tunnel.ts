import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';

/** Bytes that went each way. */
export interface TunnelTotals {
  fromClient: number;
  fromBackend: number;
}

const keepAliveProbeMs = 60_000;

/**
 * Joins two connections until both have ended or one broke. A side that ends only its own direction is obeyed: the
 * other direction goes on. Peers that vanished without a word are found by TCP's probes.
 */
export function joinTunnel(client: Duplex, backend: Duplex, ended: (totals: TunnelTotals) => void): void {
  const totals: TunnelTotals = { fromClient: 0, fromBackend: 0 };
  let open = 2;
  for (const [side, other] of [
    [client, backend],
    [backend, client],
  ] as const) {
    if (side instanceof Socket) {
      side.allowHalfOpen = true;
      side.setTimeout(0);
      side.setNoDelay(true);
      side.setKeepAlive(true, keepAliveProbeMs);
    }
    side.on('error', () => other.destroy());
    side.on('close', () => {
      if (side.readableEnded && other instanceof Socket) other.destroySoon();
      else other.destroy();
      open -= 1;
      if (open === 0) ended(totals);
    });
  }
  client.on('data', (chunk: Buffer) => void (totals.fromClient += chunk.length));
  backend.on('data', (chunk: Buffer) => void (totals.fromBackend += chunk.length));
  client.pipe(backend);
  backend.pipe(client);
}
