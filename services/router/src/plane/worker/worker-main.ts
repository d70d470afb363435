import { systemClock } from '@vcap/clock';
import type { ToWorker } from './messages.ts';
import { Worker } from './worker.ts';

const worker = new Worker({
  clock: systemClock,
  send: (message) => {
    if (process.connected) process.send?.(message);
  },
  exit: () => process.exit(0),
});
process.on('message', (message) => void worker.receive(message as ToWorker));
// Signals come to the whole group; the registry's process says what is to be done. Without it there is no more to do.
process.on('disconnect', () => void worker.stop());
for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR2'] as const) process.on(signal, () => undefined);
