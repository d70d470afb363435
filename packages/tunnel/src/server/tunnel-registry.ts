import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '@vcap/clock';
import { connectTo } from '../stream/connect.ts';
import { Endpoint } from '../stream/endpoint.ts';
import type { Destination } from '../wire/messages.ts';
import type { Grant } from './grant.ts';
import { payloadBytes } from './limits.ts';
import type { TunnelLimits } from './limits.ts';
import { Tunnel } from './tunnel.ts';

/** What happened to a tunnel, for logs and audits. */
export interface TunnelEvent {
  event: 'tunnel-opened' | 'tunnel-closed';
  tunnel: string;
  owner: string;
  host: string;
  port: number;
  /** Set when it closed. */
  reason?: string;
  bytesIn?: number;
  bytesOut?: number;
  durationMs?: number;
}

export interface RegistryOptions {
  clock: Clock;
  limits: TunnelLimits;
  /** Refuses addresses after the name was resolved. */
  allowsAddress?: (address: string) => boolean;
  observe: (event: TunnelEvent) => void;
}

/** There is no room for another tunnel. */
export class TooManyTunnelsError extends Error {
  override readonly name = 'TooManyTunnelsError';
}

/** All tunnels of this process. Those that nobody asks for are swept. */
export class TunnelRegistry {
  readonly #options: RegistryOptions;
  readonly #tunnels = new Map<string, Tunnel>();
  #connecting = 0;
  #sweep: Timer | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#tunnels.size;
  }

  /** Bytes kept in memory for all tunnels. */
  get buffered(): number {
    let sum = 0;
    for (const tunnel of this.#tunnels.values()) sum += tunnel.buffered;
    return sum;
  }

  start(): void {
    this.#sweep = this.#options.clock.setInterval(() => this.sweep(), this.#options.limits.sweepMs);
  }

  stop(): void {
    this.#sweep?.cancel();
    for (const id of this.#tunnels.keys()) this.remove(id, 'caldecott stops');
  }

  /** Connects to the destination. @throws ConnectError, TooManyTunnelsError */
  async open(destination: Destination, grant: Grant, signal: AbortSignal): Promise<Tunnel> {
    const { clock, limits, observe } = this.#options;
    if (this.#tunnels.size + this.#connecting >= limits.maxTunnels) {
      throw new TooManyTunnelsError(`${limits.maxTunnels} tunnels are open: no more are allowed`);
    }
    this.#connecting += 1;
    try {
      const { connectMs } = limits;
      const { allowsAddress } = this.#options;
      const socket = await connectTo(destination, {
        clock,
        timeoutMs: connectMs,
        signal,
        ...(allowsAddress === undefined ? {} : { allowsAddress }),
      });
      const id = randomUUID();
      const payload = (): number => payloadBytes(limits, this.#tunnels.size);
      const tunnel = new Tunnel({
        id,
        grant,
        destination,
        endpoint: new Endpoint(socket, () => 2 * payload()),
        clock,
        limits,
        payloadBytes: payload,
        over: (reason) => this.#fail(id, reason),
      });
      this.#tunnels.set(id, tunnel);
      observe({ event: 'tunnel-opened', tunnel: id, owner: grant.owner, ...destination });
      return tunnel;
    } finally {
      this.#connecting -= 1;
    }
  }

  /** The tunnel, if it is the bearer's. */
  find(id: string, grant: Grant): Tunnel | undefined {
    const tunnel = this.#tunnels.get(id);
    if (tunnel?.grant.owner !== grant.owner) return undefined;
    // A renewed ticket prolongs; an older one of the same owner does not shorten.
    if ((grant.expiresAt ?? Infinity) > (tunnel.grant.expiresAt ?? Infinity)) tunnel.grant = grant;
    return tunnel;
  }

  ofOwner({ owner }: Grant): Tunnel[] {
    return [...this.#tunnels.values()].filter((tunnel) => tunnel.grant.owner === owner);
  }

  /** Ends a tunnel after what was taken for its destination. */
  remove(id: string, reason: string): void {
    const tunnel = this.#tunnels.get(id);
    if (tunnel === undefined) return;
    this.#tunnels.delete(id);
    tunnel.close(reason, reason === 'done');
    this.#report(tunnel, reason);
  }

  /** Ends all tunnels of an owner at once; gives back how many. */
  revoke(owner: string, reason: string): number {
    const theirs = [...this.#tunnels.values()].filter((tunnel) => tunnel.grant.owner === owner);
    for (const tunnel of theirs) this.#abort(tunnel, reason);
    return theirs.length;
  }

  /** Ends what nobody asks for, and what its grant no longer covers. */
  sweep(): void {
    const { clock, limits } = this.#options;
    const now = clock.now();
    for (const tunnel of this.#tunnels.values()) {
      const { expiresAt } = tunnel.grant;
      if (expiresAt !== undefined && expiresAt <= now) this.#abort(tunnel, 'the ticket expired');
      else if (tunnel.idleMs >= (tunnel.ended ? limits.endedMs : limits.idleMs)) {
        this.#abort(tunnel, 'nobody asked for it');
      }
    }
  }

  #fail(id: string, reason: string): void {
    const tunnel = this.#tunnels.get(id);
    if (tunnel === undefined) return;
    if (reason === 'done') this.remove(id, reason);
    else this.#abort(tunnel, reason);
  }

  #abort(tunnel: Tunnel, reason: string): void {
    this.#tunnels.delete(tunnel.id);
    tunnel.abort(reason);
    this.#report(tunnel, reason);
  }

  #report(tunnel: Tunnel, reason: string): void {
    const { bytes, destination, grant, id, openedAt } = tunnel;
    this.#options.observe({
      event: 'tunnel-closed',
      tunnel: id,
      owner: grant.owner,
      ...destination,
      reason,
      bytesIn: bytes.in,
      bytesOut: bytes.out,
      durationMs: this.#options.clock.now() - openedAt,
    });
  }
}
