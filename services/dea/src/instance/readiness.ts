import { createConnection } from 'node:net';
import type { Clock } from '@vcap/clock';

const FAST_MS = 20;
const FAST_TRIES = 100;
const SLOW_MS = 500;
const CONNECT_MS = 1000;

/** Whether a TCP connection to the address can be made within a second. */
export function accepts(clock: Clock, host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const timer = clock.setTimeout(() => done(false), CONNECT_MS);
    const done = (answer: boolean): void => {
      timer.cancel();
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

/** Connects every 20 ms, after 2 s every 500 ms. False at the timeout or when `signal` aborts. */
export async function waitUntilAccepting(
  clock: Clock,
  target: { host: string; port: number; timeoutMs: number },
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = clock.monotonic() + target.timeoutMs;
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    if (await accepts(clock, target.host, target.port)) return true;
    const pause = attempt < FAST_TRIES ? FAST_MS : SLOW_MS;
    if (clock.monotonic() + pause > deadline) return false;
    await clock.sleep(pause, signal);
  }
  return false;
}
