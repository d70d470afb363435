import type { Logger } from '@vcap/bus';
import type { Clock, Timer } from '@vcap/clock';
import type { Member } from '@vcap/component';
import type { Registry } from './registry.ts';

/** What the sweeper needs; `busConnected` is asked at each sweep. */
export interface SweeperOptions {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly log: Logger;
  readonly intervalMs: number;
  readonly busConnected: () => boolean;
}

/** Runs the registry's prune at a steady interval. */
export function createSweeper(options: SweeperOptions): Member {
  let timer: Timer | undefined;
  const sweep = (): void => {
    const dropped = options.registry.prune(options.busConnected());
    if (dropped > 0) options.log.info({ event: 'routes-pruned', dropped });
  };
  return {
    name: 'registry-sweeper',
    start: async () => {
      timer = options.clock.setInterval(sweep, options.intervalMs);
    },
    stop: async () => {
      timer?.cancel();
    },
  };
}
