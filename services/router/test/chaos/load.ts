/** Visitors at a rate, in a process of their own: each asks one application and looks whose answer comes. */
import { systemClock as clock } from '@vcap/clock';
import { Pool } from 'undici';
import type { FromLoad, ToLoad } from './messages.ts';

const tickMs = 10;
const mostRunning = 400;
const timeoutMs = 30_000;
const tell = (message: FromLoad): void => void process.send?.(message);
const state = { over: false, running: 0 };

async function run({ port, rate, apps }: Extract<ToLoad, { kind: 'run' }>): Promise<void> {
  const pool = new Pool(`http://127.0.0.1:${port}`, {
    connections: 64,
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  const wrong: string[] = [];
  let [requests, skipped, due] = [0, 0, 0];
  const one = async (): Promise<void> => {
    const app = apps[Math.floor(Math.random() * apps.length)] as string;
    const kind = Math.random();
    const method = kind < 0.1 ? 'POST' : 'GET';
    const from = clock.now();
    state.running += 1;
    requests += 1;
    let what: string | undefined;
    try {
      const { statusCode, headers, body } = await pool.request({
        path: kind < 0.3 ? '/late' : '/',
        method,
        headers: { host: `${app}.chaos.test` },
        body: method === 'POST' ? 'x'.repeat(2000) : null,
      });
      const text = await body.text();
      if (statusCode !== 200) what = `${statusCode} ${String(headers['x-cf-routererror'])}`;
      else if (!text.startsWith(`${app} `)) wrong.push(`${app} got ${text}`);
    } catch (error) {
      what = error instanceof Error ? error.message : String(error);
    }
    state.running -= 1;
    if (what !== undefined) tell({ kind: 'failure', failure: { app, method, from, to: clock.now(), what } });
  };
  let last = clock.monotonic();
  const timer = clock.setInterval(() => {
    const now = clock.monotonic();
    due += ((now - last) * rate) / 1000;
    last = now;
    for (; due >= 1 && !state.over; due -= 1) {
      if (state.running < mostRunning) void one();
      else skipped += 1;
    }
  }, tickMs);
  while (!state.over) await clock.sleep(50);
  timer.cancel();
  while (state.running > 0) await clock.sleep(20);
  await pool.destroy();
  tell({ kind: 'done', requests, wrong, skipped });
}

process.on('message', (heard) => {
  const asked = heard as ToLoad;
  if (asked.kind === 'run') void run(asked);
  else state.over = true;
});
process.on('disconnect', () => process.exit(0));
