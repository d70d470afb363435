import type { Logger } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { Registry } from './registry.ts';

/** What the sweeper needs; `busConnected` is asked at each slice. */
export interface SweeperOptions {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly log: Logger;
  readonly intervalMs: number;
  readonly busConnected: () => boolean;
}

const sliceSize = 2000;

/** Runs the registry's sweep at a steady interval, in slices between which everything else has its turn. */
export function createSweeper(options: SweeperOptions): Member {
  let timer: Timer | undefined;
  let running = false;
  const sweep = (): void => {
    if (running) return;
    running = true;
    let dropped = 0;
    const slices = options.registry.sweep(options.busConnected, sliceSize);
    const step = (): void => {
      const slice = timer === undefined ? { done: true as const, value: 0 } : slices.next();
      if (slice.done !== true) {
        dropped += slice.value;
        setImmediate(step);
        return;
      }
      running = false;
      if (dropped > 0) options.log.info({ event: 'routes-pruned', dropped });
    };
    step();
  };
  return {
    name: 'registry-sweeper',
    start: async () => {
      timer = options.clock.setInterval(sweep, options.intervalMs);
    },
    stop: async () => {
      timer?.cancel();
      timer = undefined;
    },
  };
}
