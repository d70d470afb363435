import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 5;

/** Where to ask, and which Host header to ask with. */
export interface Place {
  port: number;
  host: string;
}

/** Asks every 5 ms until there is a 200 with the content wanted; answers how long that took, in milliseconds. */
export async function untilAnswer(
  place: Place,
  wanted: (body: string) => boolean = () => true,
  o: { beganMs?: number; timeoutMs?: number } = {},
): Promise<number> {
  const { beganMs = performance.now(), timeoutMs = 60_000 } = o;
  const agent = new Agent({ keepAlive: true });
  try {
    for (;;) {
      const answer = await get(agent, place);
      const tookMs = performance.now() - beganMs;
      if (answer?.status === 200 && wanted(answer.body)) return tookMs;
      if (tookMs > timeoutMs) throw new Error(`${place.host} did not answer within ${timeoutMs / 1000} s`);
      await sleep(pollMs);
    }
  } finally {
    agent.destroy();
  }
}

/** One GET; undefined when nobody listens. */
export function get(
  agent: Agent,
  { port, host }: Place,
): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve) => {
    const nothing = (): void => resolve(undefined);
    const call = request({ agent, host: '127.0.0.1', port, headers: { host }, timeout: 2000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', nothing);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', nothing);
    call.end();
  });
}
