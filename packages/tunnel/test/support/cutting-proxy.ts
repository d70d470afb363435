import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { startTcp } from './servers.ts';
import type { Started } from './servers.ts';

/** The same numbers for the same seed, so that a failing run can be repeated. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface CuttingProxy extends Started {
  cuts: number;
  /** Cuts all that is open now. */
  cutAll(): void;
  /** From now on bytes vanish: nothing is closed, nothing passes. */
  freeze(): void;
}

/** A way between two parties that breaks each connection after as many bytes as `allowance` gives. */
export async function startCuttingProxy(
  target: number,
  allowance: () => number,
  port = 0,
): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  let frozen = false;
  const inner = await startTcp((socket) => {
    if (frozen) return;
    const other = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true, noDelay: true });
    socket.setNoDelay(true);
    let left = allowance();
    const cut = (): void => {
      if (socket.destroyed && other.destroyed) return;
      socket.resetAndDestroy();
      other.resetAndDestroy();
    };
    open.add(socket);
    for (const [from, to] of [
      [socket, other],
      [other, socket],
    ] as const) {
      from.on('error', cut);
      from.on('close', () => {
        open.delete(socket);
        to.destroySoon();
      });
      from.on('end', () => to.end());
      to.on('drain', () => from.resume());
      from.on('data', (chunk: Buffer) => {
        if (frozen) return;
        // A part of the chunk still passes: breaks come in the middle of everything.
        const passing = chunk.subarray(0, Math.max(0, left));
        left -= chunk.length;
        if (passing.length > 0 && !to.write(passing)) from.pause();
        if (left > 0) return;
        proxy.cuts += 1;
        cut();
      });
    }
  }, port);
  const proxy: CuttingProxy = {
    port: inner.port,
    stop: () => inner.stop(),
    cuts: 0,
    cutAll: () => {
      for (const socket of open) socket.resetAndDestroy();
    },
    freeze: () => (frozen = true),
  };
  return proxy;
}
