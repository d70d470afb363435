import { createServer } from 'node:net';
import type { Clock } from '@vcap/clock';

/** Gives out ports of a range in turn. A returned port rests, so that late requests for its last holder find nobody. */
export class PortPool {
  private readonly clock: Clock;
  private readonly range: { first: number; last: number };
  private readonly cooldownMs: number;
  private readonly taken = new Set<number>();
  private readonly restingUntil = new Map<number, number>();
  private next: number;

  /** `start`: where in the range it begins; two DEAs on one machine that begin apart rarely want the same port. */
  constructor(clock: Clock, range: { first: number; last: number }, cooldownMs: number, start = range.first) {
    this.clock = clock;
    this.range = range;
    this.cooldownMs = cooldownMs;
    this.next = start < range.first || start > range.last ? range.first : start;
  }

  /** Where it goes on: a DEA that is started again begins here, as those before are not rested. */
  get nextPort(): number {
    return this.next;
  }

  /** A port nobody here holds; undefined when all are taken or resting. Synchronous, so no two callers get one. */
  take(): number | undefined {
    const size = this.range.last - this.range.first + 1;
    for (let tries = 0; tries < size; tries += 1) {
      const port = this.next;
      this.next = port === this.range.last ? this.range.first : port + 1;
      if (this.taken.has(port) || (this.restingUntil.get(port) ?? 0) > this.clock.monotonic()) continue;
      this.restingUntil.delete(port);
      this.taken.add(port);
      return port;
    }
    return undefined;
  }

  /** Marks the port of an adopted instance. */
  claim(port: number): void {
    this.taken.add(port);
  }

  release(port: number): void {
    if (!this.taken.delete(port)) return;
    this.restingUntil.set(port, this.clock.monotonic() + this.cooldownMs);
  }
}

/** Whether the port can be bound on all addresses: somebody outside the DEA may hold it. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
