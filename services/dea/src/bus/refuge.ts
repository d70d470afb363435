import { deaAdvertise, deaLocate, deaShutdown } from '@vcap/bus';
import type { Bus, Subscription } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';

/** What the search works with. */
export interface RefugeOptions {
  bus: Bus;
  clock: Clock;
  deaId: () => string;
  /** So long nobody else may be heard of. */
  aloneMs: number;
  /** There is no other DEA, or all of them leave too. Called once. */
  none: () => void;
}

const LOOK_MS = 500;
/** Three times what DEAs advertise at. A DEA that leaves in order says so. */
const FORGET_MS = 15_000;

/** Looks whether there is another DEA that instances could move to. A bus that is away proves nothing. */
export class Refuge {
  private readonly options: RefugeOptions;
  private readonly others = new Map<string, number>();
  private readonly subscriptions: Subscription[];
  private readonly timer: Timer;
  private aloneSince: number;

  constructor(options: RefugeOptions) {
    const { bus, clock, deaId } = options;
    this.options = options;
    this.aloneSince = clock.monotonic();
    this.subscriptions = [
      bus.subscribe(deaAdvertise, ({ id }) => {
        if (id !== deaId()) this.others.set(id, clock.monotonic());
      }),
      bus.subscribe(deaShutdown, ({ id }) => void this.others.delete(id)),
    ];
    bus.publish(deaLocate, {});
    this.timer = clock.setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    this.timer.cancel();
    for (const subscription of this.subscriptions.splice(0)) subscription.unsubscribe();
  }

  private look(): void {
    const { aloneMs, bus, clock, none } = this.options;
    const now = clock.monotonic();
    for (const [id, heard] of this.others) if (now - heard > FORGET_MS) this.others.delete(id);
    if (this.others.size > 0 || !bus.connected) this.aloneSince = now;
    else if (now - this.aloneSince >= aloneMs) {
      this.stop();
      none();
    } else bus.publish(deaLocate, {});
  }
}
