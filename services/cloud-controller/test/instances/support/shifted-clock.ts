import { systemClock } from '@vcap/clock';
import type { Clock } from '@vcap/clock';

/** Real timers, and a monotonic time that a test may move on. */
export class ShiftedClock implements Clock {
  shiftMs = 0;
  now = (): number => systemClock.now();
  monotonic = (): number => systemClock.monotonic() + this.shiftMs;
  setTimeout: Clock['setTimeout'] = (fn, ms) => systemClock.setTimeout(fn, ms);
  setInterval: Clock['setInterval'] = (fn, ms) => systemClock.setInterval(fn, ms);
  sleep: Clock['sleep'] = (ms, signal) => systemClock.sleep(ms, signal);
}
