import { errorBodySchema, gatewayPaths, handleSchema, jobSchema, ServiceError } from '@vcap/service-api';
import { serviceTokenHeader } from '@vcap/service-api';
import type { Handle, Job } from '@vcap/service-api';
import { request } from 'undici';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Asks a gateway as the cloud controller does; failures are thrown as ServiceError with the gateway's code. */
export class GatewayClient {
  url: string;
  /** Ends the requests that wait for an answer. */
  readonly hangUp = new AbortController();
  readonly #token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.#token = token;
  }

  async provision(body: Record<string, unknown>): Promise<Handle> {
    return handleSchema.parse(await this.call('POST', gatewayPaths.configurations, body));
  }

  async unprovision(id: string): Promise<void> {
    await this.call('DELETE', gatewayPaths.configuration(id));
  }

  async bind(id: string, options: Record<string, unknown> = {}): Promise<Handle> {
    const body = { service_id: id, label: 'any', email: 'user@example.org', binding_options: options };
    return handleSchema.parse(await this.call('POST', gatewayPaths.handles(id), body));
  }

  async unbind(id: string, handleId: string): Promise<void> {
    const body = { service_id: id, handle_id: handleId, binding_options: {} };
    await this.call('DELETE', gatewayPaths.handle(id, handleId), body);
  }

  async job(method: Method, path: string, body?: unknown): Promise<Job> {
    return jobSchema.parse(await this.call(method, path, body));
  }

  async call(
    method: Method,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<unknown> {
    const answer = await request(this.url + path, {
      method,
      signal: this.hangUp.signal,
      headers: { 'Content-Type': 'application/json', [serviceTokenHeader]: this.#token, ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const parsed: unknown = await answer.body.json();
    if (answer.statusCode === 200) return parsed;
    throw ServiceError.from(answer.statusCode, errorBodySchema.parse(parsed));
  }
}
