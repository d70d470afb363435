/** Where a tunnel can fail, in the order in which bytes pass. */
export type Hop = 'this machine' | 'network' | 'router' | 'caldecott' | 'service';

export interface TunnelErrorOptions {
  /** Whether the same may succeed a moment later. */
  passing?: boolean;
  cause?: unknown;
}

/** A tunnel could not be opened or could not go on; the message says at which hop, why, and what to do. */
export class TunnelError extends Error {
  override readonly name = 'TunnelError';
  readonly hop: Hop;
  readonly passing: boolean;

  constructor(hop: Hop, text: string, options: TunnelErrorOptions = {}) {
    super(`${hop}: ${text}`, options.cause === undefined ? {} : { cause: options.cause });
    this.hop = hop;
    this.passing = options.passing ?? false;
  }
}
