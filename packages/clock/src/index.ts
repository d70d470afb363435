export type { Clock, Timer } from './clock.ts';
export { SystemClock, systemClock } from './system-clock.ts';
export { FakeClock } from './fake-clock.ts';
export { DeadlineError, withDeadline } from './deadline.ts';
export { retry } from './retry.ts';
export type { RetryOptions } from './retry.ts';
