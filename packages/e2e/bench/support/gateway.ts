import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { controllerPaths, gatewayPaths, handleSchema, serviceTokenHeader } from '@vcap/service-api';
import type { Handle, Job } from '@vcap/service-api';
import { GatewayClient } from '@vcap/service-base';
import { z } from 'zod';
import type { Platform } from '../../test/support/platform.ts';

const label = 'mysql-10.11';
const pollMs = 20;

/** The MySQL gateway of a cluster, asked as a cloud controller asks it. */
export class Gateway {
  readonly client: GatewayClient;
  readonly #known: () => Promise<unknown>;

  private constructor(client: GatewayClient, known: () => Promise<unknown>) {
    this.client = client;
    this.#known = known;
  }

  /** Where it is, the cloud controller knows. */
  static async of(platform: Platform): Promise<Gateway> {
    const token = readFileSync(join(platform.home, 'gateway-token'), 'utf8').trim();
    const told = async (path: string): Promise<unknown> => {
      const headers = { [serviceTokenHeader]: token, 'content-type': 'application/json' };
      return JSON.parse((await platform.call('GET', path, { headers, token: '' })).body);
    };
    const { url } = z.looseObject({ url: z.string() }).parse(await told(controllerPaths.offering(label)));
    return new Gateway(new GatewayClient(url, token), () => told(controllerPaths.handles(label)));
  }

  /** The only instance that the cloud controller knows: others a gateway forgets after a minute. */
  async known(): Promise<Handle> {
    const { handles } = z.looseObject({ handles: z.array(handleSchema) }).parse(await this.#known());
    const [first] = handles;
    if (!first) throw new Error('the cloud controller has no instance');
    return first;
  }

  provision(plan: string): Promise<Handle> {
    return this.client.provision({ label, name: 'bench', plan, email: 'bench@example.org' });
  }

  /** Makes a snapshot and gives its id. */
  async snapshot(id: string): Promise<string> {
    const { result } = await this.#follow(id, await this.client.job('POST', gatewayPaths.snapshots(id)));
    return z.looseObject({ snapshot_id: z.string() }).parse(result).snapshot_id;
  }

  async rollback(id: string, snapshot: string): Promise<void> {
    await this.#follow(id, await this.client.job('PUT', gatewayPaths.snapshot(id, snapshot)));
  }

  async #follow(id: string, begun: Job): Promise<Job> {
    let job = begun;
    while (job.status !== 'completed') {
      if (job.status === 'failed') throw new Error(`the job failed: ${JSON.stringify(job.result)}`);
      await sleep(pollMs);
      job = await this.client.job('GET', gatewayPaths.job(id, job.job_id));
    }
    return job;
  }
}
