// Has no port and no URL: it counts, says so in its log, and stops when it is told to.
import { setInterval } from 'node:timers/promises';

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

let count = 0;
console.log('worker started');
try {
  for await (const _ of setInterval(1000, undefined, { signal: stop.signal })) {
    count += 1;
    console.log(`tick ${count}`);
  }
} catch (error) {
  if (error.name !== 'AbortError') throw error;
}
console.log(`worker stopped after ${count} ticks`);
