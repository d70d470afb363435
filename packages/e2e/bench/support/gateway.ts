import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  controllerPaths,
  gatewayPaths,
  handleSchema,
  jobSchema,
  serviceTokenHeader,
} from '@vcap/service-api';
import type { Handle, Job } from '@vcap/service-api';
import { z } from 'zod';
import type { Platform } from '../../test/support/platform.ts';

const label = 'mysql-10.11';
const pollMs = 20;

/** The MySQL gateway of a cluster, asked as a cloud controller asks it. */
export class Gateway {
  readonly #platform: Platform;
  readonly #url: string;
  readonly #headers: Record<string, string>;

  private constructor(platform: Platform, url: string, headers: Record<string, string>) {
    this.#platform = platform;
    this.#url = url;
    this.#headers = headers;
  }

  /** Where it is, the cloud controller knows. */
  static async of(platform: Platform): Promise<Gateway> {
    const token = readFileSync(join(platform.home, 'gateway-token'), 'utf8').trim();
    const headers = { [serviceTokenHeader]: token, 'content-type': 'application/json' };
    const answer = await platform.call('GET', controllerPaths.offering(label), { headers, token: '' });
    const { url } = z.looseObject({ url: z.string() }).parse(JSON.parse(answer.body));
    return new Gateway(platform, url, headers);
  }

  /** The only instance that the cloud controller knows: others a gateway forgets after a minute. */
  async known(): Promise<Handle> {
    const headers = this.#headers;
    const answer = await this.#platform.call('GET', controllerPaths.handles(label), { headers, token: '' });
    const [first] = z.looseObject({ handles: z.array(handleSchema) }).parse(JSON.parse(answer.body)).handles;
    if (!first) throw new Error('the cloud controller has no instance');
    return first;
  }

  async provision(plan: string): Promise<Handle> {
    const body = { label, name: 'bench', plan, email: 'bench@example.org' };
    return handleSchema.parse(await this.#call('POST', gatewayPaths.configurations, body));
  }

  async bind(id: string): Promise<Handle> {
    const body = { service_id: id, label, email: 'bench@example.org', binding_options: {} };
    return handleSchema.parse(await this.#call('POST', gatewayPaths.handles(id), body));
  }

  async unprovision(id: string): Promise<void> {
    await this.#call('DELETE', gatewayPaths.configuration(id));
  }

  /** Makes a snapshot and gives its id. */
  async snapshot(id: string): Promise<string> {
    const { result } = await this.#follow(id, await this.#call('POST', gatewayPaths.snapshots(id)));
    return z.looseObject({ snapshot_id: z.string() }).parse(result).snapshot_id;
  }

  async rollback(id: string, snapshot: string): Promise<void> {
    await this.#follow(id, await this.#call('PUT', gatewayPaths.snapshot(id, snapshot)));
  }

  async #follow(id: string, begun: unknown): Promise<Job> {
    let job = jobSchema.parse(begun);
    while (job.status !== 'completed') {
      if (job.status === 'failed') throw new Error(`the job failed: ${JSON.stringify(job.result)}`);
      await sleep(pollMs);
      job = jobSchema.parse(await this.#call('GET', gatewayPaths.job(id, job.job_id)));
    }
    return job;
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(this.#url + path, {
      method,
      headers: this.#headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as unknown;
  }
}
