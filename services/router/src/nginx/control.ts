import { Agent, request } from 'node:http';
import type { News } from './news.ts';

const timeoutMs = 5000;

/** What nginx serves on its control socket. */
export const controlPaths = { push: '/push', status: '/status' } as const;

/** Speaks to nginx over its control socket. */
export class Control {
  readonly #path: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2 });

  constructor(path: string) {
    this.#path = path;
  }

  /** Delivers news; rejects when it was not taken. */
  async push(news: News): Promise<void> {
    const { status } = await this.#ask('POST', controlPaths.push, JSON.stringify(news));
    if (status !== 204) throw new Error(`nginx answered ${status} to news`);
  }

  /** Connections that are open at the moment. */
  async connections(): Promise<number> {
    const { text } = await this.#ask('GET', controlPaths.status, '');
    return Number(/Active connections: (\d+)/.exec(text)?.[1] ?? 0);
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(method: string, path: string, body: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { 'Content-Length': Buffer.byteLength(body) };
      const options = {
        socketPath: this.#path,
        method,
        path,
        headers,
        agent: this.#agent,
        timeout: timeoutMs,
      };
      const call = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      call.on('timeout', () => call.destroy(new Error('nginx does not answer')));
      call.on('error', reject);
      call.end(body);
    });
  }
}
