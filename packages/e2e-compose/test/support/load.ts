import { Agent, request } from 'node:http';

/** What is asked, and how. */
export interface Question {
  host: string;
  path?: string;
  method?: string;
  token?: string;
  /** Sent as JSON. */
  body?: unknown;
  timeoutMs?: number;
}

/** One request: its status and text; status 0 when the connection broke or nothing came in time. */
export function ask(port: number, question: Question): Promise<[number, string]> {
  const { host, path = '/', method = 'GET', token, body: sent, timeoutMs = 15_000 } = question;
  const headers = {
    host,
    ...(token === undefined ? {} : { authorization: token }),
    ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
  };
  return new Promise((resolve) => {
    const agent = new Agent({ keepAlive: false });
    let body = '';
    let settled = false;
    const end = (status: number, text: string): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      call.destroy();
      resolve([status, text]);
    };
    const call = request({ host: '127.0.0.1', port, path, method, agent, headers }, (response) => {
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => end(response.complete ? (response.statusCode ?? 0) : 0, body));
      response.on('error', (error) => end(0, error.message));
      response.on('aborted', () => end(0, 'aborted'));
    });
    call.on('error', (error) => end(0, error.message));
    const timer = setTimeout(() => end(0, 'no answer in time'), timeoutMs);
    call.end(sent === undefined ? undefined : JSON.stringify(sent));
  });
}

/** What became of the requests of some time. */
export interface Tally {
  requests: number;
  failed: number;
  /** Milliseconds of the slowest that was answered. */
  slowest: number;
  /** The first few failures. */
  reasons: string[];
}

/** Twenty requests a second, each a connection of its own, until it is stopped. */
export class Load {
  readonly #timer: NodeJS.Timeout;
  readonly #running = new Set<Promise<void>>();
  readonly #tally: Tally = { requests: 0, failed: 0, slowest: 0, reasons: [] };

  constructor(port: number, host: string) {
    this.#timer = setInterval(() => {
      const one = this.#ask(port, host).finally(() => this.#running.delete(one));
      this.#running.add(one);
    }, 50);
  }

  get sent(): number {
    return this.#tally.requests;
  }

  async stop(): Promise<Tally> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
    return this.#tally;
  }

  async #ask(port: number, host: string): Promise<void> {
    const tally = this.#tally;
    tally.requests++;
    const began = performance.now();
    const [status, body] = await ask(port, { host });
    if (status === 200) tally.slowest = Math.max(tally.slowest, Math.round(performance.now() - began));
    else {
      tally.failed++;
      if (tally.reasons.length < 5) tally.reasons.push(`${status} ${body.slice(0, 120).trim()}`);
    }
  }
}
