import { token } from './servers.ts';
import type { RunningCaldecott } from './servers.ts';

/** What a request got: status, text, and the headers that tell why. */
export interface Got {
  status: number;
  text: string;
  code: string | null;
}

/** Plain requests to a caldecott, as any program may make them. */
export class Raw {
  readonly #caldecott: RunningCaldecott;

  constructor(caldecott: RunningCaldecott) {
    this.#caldecott = caldecott;
  }

  async ask(method: string, path: string, body?: RequestInit['body'], signal?: AbortSignal): Promise<Got> {
    const response = await fetch(this.#caldecott.url + path, {
      method,
      headers: { 'Auth-Token': token },
      ...(body === undefined ? {} : { body, duplex: 'half' }),
      ...(signal === undefined ? {} : { signal }),
    });
    return {
      status: response.status,
      text: await response.text(),
      code: response.headers.get('tunnel-error'),
    };
  }

  /** Opens a tunnel and gives back its path. */
  async open(port: number): Promise<string> {
    const { text } = await this.ask('POST', '/tunnels', JSON.stringify({ host: '127.0.0.1', port }));
    return (JSON.parse(text) as { path: string }).path;
  }
}
