/** What a tunnel server keeps to. Bytes and milliseconds. */
export interface TunnelLimits {
  /** Tunnels that are open at once; more are refused. */
  maxTunnels: number;
  /** Kept for all tunnels and both uses together: the next answer and the one that may be asked for again. */
  totalBufferBytes: number;
  /** A tunnel keeps at most twice this, however few there are. */
  maxPayloadBytes: number;
  /** A tunnel may keep twice this, however many there are. */
  minPayloadBytes: number;
  /** A PUT larger than this is refused. */
  maxPutBytes: number;
  /** A waiting request is answered after this, before routers (30 s in the originals) lose patience. */
  pollMs: number;
  /** For the destination to accept. */
  connectMs: number;
  /** Pause between two pieces of a request's body that ends the request. */
  bodyIdleMs: number;
  /** A tunnel that nobody asked for this long is swept. */
  idleMs: number;
  /** The same for a tunnel whose destination has closed. */
  endedMs: number;
  sweepMs: number;
  /** Between two probes of a WebSocket; one that stays silent for two is given up. */
  pingMs: number;
  /** Requests that wait on one tunnel in one direction. */
  maxWaiting: number;
}

const KIB = 1024;

export const defaultLimits: TunnelLimits = {
  maxTunnels: 1000,
  totalBufferBytes: 48 * KIB * KIB,
  maxPayloadBytes: KIB * KIB,
  minPayloadBytes: 64 * KIB,
  maxPutBytes: 256 * KIB * KIB,
  pollMs: 20_000,
  connectMs: 10_000,
  bodyIdleMs: 30_000,
  idleMs: 300_000,
  endedMs: 60_000,
  sweepMs: 10_000,
  pingMs: 20_000,
  maxWaiting: 8,
};

/** How much one payload of one tunnel may hold when `tunnels` share the memory. */
export function payloadBytes(limits: TunnelLimits, tunnels: number): number {
  const share = Math.floor(limits.totalBufferBytes / (2 * Math.max(1, tunnels)));
  return Math.max(limits.minPayloadBytes, Math.min(limits.maxPayloadBytes, share));
}
