import type { Logger } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import type { FromWorker } from './messages.ts';

const mostPerSecond = 50;

/** A log that goes to the registry's process; a flood is thinned out, and says by how much. */
export function createWorkerLog(clock: Clock, send: (message: FromWorker) => void): Logger {
  let second = 0;
  let count = 0;
  let thinned = 0;
  const write =
    (level: 'info' | 'warn' | 'error') =>
    (fields: Record<string, unknown>): void => {
      const now = Math.floor(clock.monotonic() / 1000);
      if (now !== second) {
        if (thinned > 0) send({ kind: 'log', level: 'warn', fields: { event: 'log-thinned', thinned } });
        second = now;
        count = 0;
        thinned = 0;
      }
      count += 1;
      if (count > mostPerSecond) {
        thinned += 1;
        return;
      }
      const { err, ...rest } = fields;
      const why = err instanceof Error ? { why: err.message } : {};
      send({ kind: 'log', level, fields: { ...rest, ...why, worker: process.pid } });
    };
  return {
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('error'),
    debug: () => undefined,
    trace: () => undefined,
  } as unknown as Logger;
}
