import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Platform } from './platform.ts';

/** The router writes its access log in batches; after this long a finished request is in it. */
const flushMs = 600;

/** Counts what is sent to the API, as the router's access log has it: bytes of request bodies. */
export class SentBytes {
  readonly #platform: Platform;
  #seen = 0;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Forgets what was sent until now. */
  async reset(): Promise<void> {
    await sleep(flushMs);
    this.#seen = (await this.#lines()).length;
  }

  /** Requests to the API since the last reset, each with the bytes of its body. */
  async since(): Promise<{ request: string; bytes: number }[]> {
    await sleep(flushMs);
    const api = `api.${this.#platform.domain}`;
    return (await this.#lines())
      .slice(this.#seen)
      .filter((each) => each.startsWith(`${api}:`) || each.startsWith(`${api} `))
      .map((each) => {
        const [, request = '', bytes = '0'] = /"((?:[^"\\]|\\.)*)" \d+ (\d+) /.exec(each) ?? [];
        return { request, bytes: Number(bytes) };
      });
  }

  async #lines(): Promise<string[]> {
    const text = await readFile(join(this.#platform.home, 'logs', 'router-0.access.log'), 'utf8');
    return text.split('\n').filter(Boolean);
  }
}
