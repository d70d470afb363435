import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './load.ts';

/** Where the API is, and who asks it. */
export interface ApiAccess {
  port: number;
  host: string;
  token: string;
}

const app = 'counter';
const pauseMs = 100;

/** Writes 1, 2, 3 and so on into the environment of an application that never runs, each after the answer to the last. */
export class Counter {
  readonly #api: ApiAccess;
  readonly #done: Promise<void>;
  #stopped = false;
  #written = 0;
  /** The highest number that the API said it has. */
  acknowledged = 0;
  failed = 0;

  private constructor(api: ApiAccess) {
    this.#api = api;
    this.#done = this.#run();
  }

  static async start(api: ApiAccess): Promise<Counter> {
    const body = {
      name: app,
      staging: { framework: 'node', runtime: 'node' },
      instances: 1,
      resources: { memory: 64 },
    };
    const [status, text] = await ask(api.port, { ...api, method: 'POST', path: '/apps', body });
    if (status !== 302) throw new Error(`POST /apps: ${status} ${text}`);
    return new Counter(api);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  /** The number that is there now. */
  async read(): Promise<number> {
    const [status, text] = await ask(this.#api.port, { ...this.#api, path: `/apps/${app}` });
    if (status !== 200) throw new Error(`GET /apps/${app}: ${status} ${text}`);
    const { env } = JSON.parse(text) as { env: string[] };
    return Number(/^N=(\d+)$/.exec(env[0] ?? '')?.[1]);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const next = ++this.#written;
      const body = { env: [`N=${next}`] };
      const [status] = await ask(this.#api.port, {
        ...this.#api,
        method: 'PUT',
        path: `/apps/${app}`,
        body,
        timeoutMs: 30_000,
      });
      if (status === 200) this.acknowledged = next;
      else this.failed++;
      await sleep(pauseMs);
    }
  }
}
