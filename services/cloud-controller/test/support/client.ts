/** An answer of the API with its body read. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The JSON body, or undefined when it is none. */
  body: any;
}

/** Calls the API as vmc does: the token verbatim in Authorization, redirects not followed. */
export class ApiClient {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  with(headers: Record<string, string>): ApiClient {
    return new ApiClient(this.#url, { ...this.#headers, ...headers });
  }

  /** Registers and logs in; answers the client of that user. */
  async as(email: string, password = 'secret'): Promise<ApiClient> {
    await this.call('POST', '/users', { email, password });
    return this.logIn(email, password);
  }

  async logIn(email: string, password: string): Promise<ApiClient> {
    const { body } = await this.call('POST', `/users/${encodeURIComponent(email)}/tokens`, { password });
    return this.with({ authorization: body.token });
  }

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const raw = typeof body === 'string' || body === undefined;
    const response = await fetch(this.#url + path, {
      method,
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...this.#headers },
      ...(body !== undefined && { body: raw ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      parsed = undefined;
    }
    return { status: response.status, headers: response.headers, text, body: parsed };
  }

  get(path: string): Promise<Answer> {
    return this.call('GET', path);
  }
}
