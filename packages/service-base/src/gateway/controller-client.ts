import { controllerPaths, handleListSchema, serviceTokenHeader } from '@vcap/service-api';
import type { Handle, Offering } from '@vcap/service-api';
import { request } from 'undici';
import type { ServiceHandle } from './handle-cache.ts';

/** The cloud controller did not do what it was asked. */
export class ControllerError extends Error {
  override readonly name = 'ControllerError';
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.status = status;
  }
}

/** Speaks the gateway's half of services.md §2. */
export class ControllerClient {
  readonly #url: string;
  readonly #token: string;
  readonly #timeoutMs: number;

  constructor(options: { url: string; token: string; timeoutMs?: number }) {
    this.#url = options.url.replace(/\/+$/, '');
    this.#token = options.token;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  async advertise(offering: Offering): Promise<void> {
    await this.call('POST', controllerPaths.offerings, offering);
  }

  async withdraw(label: string, provider?: string): Promise<void> {
    const path = controllerPaths.offering(label);
    await this.call('DELETE', provider === undefined ? path : `${path}/${encodeURIComponent(provider)}`);
  }

  /** Entries that are no handles of this service are left out and counted. */
  async handles(label: string): Promise<{ handles: ServiceHandle[]; skipped: number }> {
    const list = handleListSchema.safeParse(await this.call('GET', controllerPaths.handles(label)));
    if (!list.success) throw new ControllerError('the list of handles cannot be read', undefined, list.error);
    const handles = list.data.handles.filter(
      (handle): handle is ServiceHandle => typeof handle.credentials['name'] === 'string',
    );
    return { handles, skipped: list.data.handles.length - handles.length };
  }

  async updateHandle(label: string, handle: Handle): Promise<void> {
    const { service_id, configuration, credentials } = handle;
    const body = { service_id, configuration, credentials };
    await this.call('POST', controllerPaths.handle(label, service_id), body);
  }

  /** The parsed answer. */
  async call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    try {
      const response = await request(this.#url + path, {
        method,
        headers: { 'Content-Type': 'application/json', [serviceTokenHeader]: this.#token },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headersTimeout: this.#timeoutMs,
        bodyTimeout: this.#timeoutMs,
      });
      const text = await response.body.text();
      if (response.statusCode >= 300) {
        const why = `${method} ${path} was answered ${response.statusCode}: ${text.slice(0, 300)}`;
        throw new ControllerError(why, response.statusCode);
      }
      return text === '' ? {} : JSON.parse(text);
    } catch (cause) {
      if (cause instanceof ControllerError) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ControllerError(`${method} ${path} failed: ${why}`, undefined, cause);
    }
  }
}
