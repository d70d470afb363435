/** Visitors at a rate, in a process of their own: each asks one application and looks whose answer comes. */
import { systemClock as clock } from '@vcap/clock';
import type { FromLoad, ToLoad } from './messages.ts';
import { VisitorConnection } from './visitor-connection.ts';

const tickMs = 10;
const mostRunning = 400;
const timeoutMs = 30_000;
const body = 'x'.repeat(2000);
const tell = (message: FromLoad): void => void process.send?.(message);
const state = { over: false, running: 0 };

/** Idle connections, the latest last. */
const idle: VisitorConnection[] = [];

function take(port: number): VisitorConnection {
  for (let each = idle.pop(); each !== undefined; each = idle.pop()) if (!each.closed) return each;
  return new VisitorConnection(port, timeoutMs);
}

function requestText(app: string, method: string, path: string): string {
  const head = `${method} ${path} HTTP/1.1\r\nHost: ${app}.chaos.test\r\n`;
  return method === 'POST' ? `${head}Content-Length: ${body.length}\r\n\r\n${body}` : `${head}\r\n`;
}

async function run({ port, rate, apps }: Extract<ToLoad, { kind: 'run' }>): Promise<void> {
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
    const connection = take(port);
    try {
      const { status, error, text } = await connection.ask(
        requestText(app, method, kind < 0.3 ? '/late' : '/'),
      );
      if (!connection.closed) idle.push(connection);
      if (status !== 200) what = `${status} ${String(error)}`;
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
  for (const each of idle) each.close();
  tell({ kind: 'done', requests, wrong, skipped });
}

process.on('message', (heard) => {
  const asked = heard as ToLoad;
  if (asked.kind === 'run') void run(asked);
  else state.over = true;
});
process.on('disconnect', () => process.exit(0));
