import type { Clock, Timer } from '@vcap/clock';

/** Something with a time limit that moves often. */
export interface WheelItem {
  /** Wheel time in ms at which `onDeadline` is due; 0: no limit. Setting it later costs nothing. */
  deadline: number;
  /** For the wheel alone. */
  wheelSlot: number;
  wheelIndex: number;
  onDeadline(): void;
}

const tickMs = 50;
const slots = 512;

/**
 * Time limits for many connections at the price of one timer: an item waits in the slot of its deadline, and when the
 * slot's turn comes and the deadline has moved on, it moves too. Precise to 50 ms.
 */
export class Wheel {
  /** Monotonic ms, as of the last tick. */
  now: number;
  readonly #clock: Clock;
  readonly #slots: WheelItem[][] = Array.from({ length: slots }, () => []);
  #tick: number;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.now = clock.monotonic();
    this.#tick = Math.floor(this.now / tickMs);
  }

  start(): void {
    this.#timer ??= this.#clock.setInterval(() => this.#turn(), tickMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Gives the item `ms` from now. */
  set(item: WheelItem, ms: number): void {
    item.deadline = this.now + ms + tickMs;
    if (item.wheelSlot >= 0) {
      if (this.#distance(item.wheelSlot) * tickMs <= ms) return;
      this.#take(item);
    }
    this.#put(item);
  }

  /** Lifts the limit; the item stays known until its slot's turn. */
  lift(item: WheelItem): void {
    item.deadline = 0;
  }

  /** Forgets the item. */
  remove(item: WheelItem): void {
    item.deadline = 0;
    if (item.wheelSlot >= 0) this.#take(item);
  }

  /** Ticks until the slot's turn. */
  #distance(slot: number): number {
    return (slot - (this.#tick % slots) + slots) % slots;
  }

  #put(item: WheelItem): void {
    const ticks = Math.ceil((item.deadline - this.now) / tickMs);
    item.wheelSlot = (this.#tick + Math.min(Math.max(ticks, 1), slots - 1)) % slots;
    const list = this.#slots[item.wheelSlot] as WheelItem[];
    item.wheelIndex = list.length;
    list.push(item);
  }

  #take(item: WheelItem): void {
    const list = this.#slots[item.wheelSlot] as WheelItem[];
    const last = list.pop() as WheelItem;
    if (last !== item) {
      list[item.wheelIndex] = last;
      last.wheelIndex = item.wheelIndex;
    }
    item.wheelSlot = -1;
  }

  #turn(): void {
    this.now = this.#clock.monotonic();
    const until = Math.floor(this.now / tickMs);
    // A process that slept looks at each slot once.
    this.#tick = Math.max(this.#tick, until - slots);
    while (this.#tick < until) {
      this.#tick += 1;
      const list = this.#slots[this.#tick % slots] as WheelItem[];
      if (list.length === 0) continue;
      this.#slots[this.#tick % slots] = [];
      for (const item of list) item.wheelSlot = -1;
      for (const item of list) {
        if (item.deadline === 0 || item.wheelSlot >= 0) continue;
        if (item.deadline > this.now) this.#put(item);
        else item.onDeadline();
      }
    }
  }
}
