/** The vmc command line as a function, for programs that run it in their own process. */
export { systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export type { Host } from './context.ts';
export { runVmc } from './run.ts';
