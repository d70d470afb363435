import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gatewayPaths } from '@vcap/service-api';
import { freePort, startNats, startProcess, startRedis, waitFor } from '@vcap/testkit';
import type { RedisServer } from '@vcap/testkit';
import { stringify } from 'yaml';
import { GatewayClient } from '../src/index.ts';
import type { Job, RunningGateway, RunningNode } from '../src/index.ts';
import { EchoScene, request } from './support/scene.ts';

const patient = { timeoutMs: 30_000 };
let scene: EchoScene;
jest.setTimeout(90_000);
beforeEach(async () => {
  scene = await EchoScene.start();
});
afterEach(async () => {
  await scene.end();
});

/** Lets the node's next provision wait until it is released. */
function hold({ node }: RunningNode): { entered: () => boolean; release: () => void } {
  const provision = node.provision.bind(node);
  let entered = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  node.provision = async (...all) => {
    await provision(...all);
    entered = true;
    await promise;
  };
  return { entered: () => entered, release: resolve };
}

async function purgeOrphans(gateway: RunningGateway): Promise<string[]> {
  await gateway.client.call('POST', gatewayPaths.checkOrphan, {});
  const orphans = await waitFor(
    () => (gateway.varz()['orphan_instances'] as Record<string, string[]>)['node_0'],
    patient,
  );
  const body = { orphan_instances: gateway.varz()['orphan_instances'], orphan_bindings: {} };
  await gateway.client.call('DELETE', gatewayPaths.purgeOrphan, body);
  return orphans;
}

describe('a cut message bus', () => {
  it('fails what is asked, keeps what was acknowledged, and leaves an orphan to be purged', async () => {
    const node = await scene.node();
    const gateway = await scene.gateway({ node_timeout: 10, double_check_orphan_interval: 0.2 });
    const kept = scene.stage.save(await gateway.client.provision(request));
    const held = hold(node);
    const lost = gateway.client.provision(request).catch((error: unknown) => error);
    await waitFor(held.entered, patient);
    const { port } = scene.nats;
    await scene.nats.kill();
    held.release();
    expect(await lost).toMatchObject({ code: 30700 });
    await expect(gateway.client.provision(request)).rejects.toMatchObject({ code: 30600, status: 503 });
    scene.nats = await startNats({ port });
    await waitFor(() => gateway.bus.connected && node.bus.connected, patient);
    const again = await waitFor(() => gateway.client.provision(request).catch(() => undefined), patient);
    scene.stage.save(again);
    await gateway.client.bind(kept.service_id);
    expect(await purgeOrphans(gateway)).toHaveLength(1);
    await waitFor(() => node.varz()['available_capacity'] === 198, patient);
  });
});

describe('a gateway that is killed', () => {
  it('leaves its work to be found by the next one', async () => {
    const node = await scene.node();
    const port = await freePort();
    const config = join(scene.dir, 'gateway.yml');
    const main = new URL('../examples/echo/echo-gateway-main.ts', import.meta.url).pathname;
    const keys = { mbus: scene.nats.url, local_route: '127.0.0.1', port, token: 'conformance-token' };
    const service = { name: 'conformance', version: '1.0' };
    await writeFile(
      config,
      stringify({ ...keys, cloud_controller_uri: scene.stage.controller.url, service }),
    );
    const victim = await startProcess({
      argv: [process.execPath, '--conditions=source', main, '--config', config],
      readyWhen: '"event":"offering-advertised"',
      readyTimeoutMs: 30_000,
    });
    const client = new GatewayClient(`http://127.0.0.1:${port}`, 'conformance-token');
    await waitFor(
      () =>
        client
          .provision(request)
          .then((handle) => scene.stage.save(handle))
          .catch(() => undefined),
      patient,
    );
    const held = hold(node);
    const lost = client.provision(request).catch((error: unknown) => error);
    await waitFor(held.entered, patient);
    await victim.kill();
    held.release();
    await lost;
    const next = await scene.gateway({ double_check_orphan_interval: 0.2 });
    expect(await purgeOrphans(next)).toHaveLength(1);
    await waitFor(() => node.varz()['available_capacity'] === 199, patient);
    expect(scene.stage.controller.offerings.get('conformance-1.0')?.active).toBe(true);
  });
});

describe('a cloud controller that is away or refuses', () => {
  it('is asked again and again; until it gives the handles, all is 503', async () => {
    scene.stage.controller.up = false;
    await scene.node();
    const gateway = await scene.stage.gateway({ heartbeat_interval: 0.2 });
    await expect(gateway.client.provision(request)).rejects.toMatchObject({ code: 30600, status: 503 });
    scene.stage.controller.up = true;
    await scene.knows(gateway, 1);
    await gateway.client.provision(request);
    await waitFor(() => scene.stage.controller.offerings.size === 1, patient);
    scene.stage.controller.up = false;
    await gateway.client.provision(request);
  });

  it('gives nothing to a gateway with a wrong token', async () => {
    await scene.node();
    const gateway = await scene.stage.gateway({ token: 'wrong' });
    await waitFor(() => Object.keys(gateway.varz()['nodes'] as object).length === 1, patient);
    const client = new GatewayClient(gateway.client.url, 'wrong');
    await expect(client.provision(request)).rejects.toMatchObject({ code: 30600 });
    await expect(gateway.client.provision(request)).rejects.toMatchObject({ code: 30100 });
    expect(scene.stage.controller.offerings.size).toBe(0);
  });
});

describe('Redis and its workers', () => {
  let redis: RedisServer;
  beforeEach(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    await scene.stage.stop();
    await redis.stop();
  });

  const lifecycle = { snapshot: { quota: 5 }, serialization: 'enable', job: 'enable' };
  const keys = (): Record<string, unknown> => ({
    redis: { uri: redis.url },
    blobstore: { root: join(scene.dir, 'blobs') },
  });
  const gateway = (): Promise<RunningGateway> =>
    scene.gateway({ ...keys(), plan_management: { plans: { free: { lifecycle } } } });

  it('lets a job outlive its worker', async () => {
    const started = await scene.spawn(
      { node_id: 'node_0', ...keys(), jobs: { lock: 1 } },
      'create_snapshot:dump',
    );
    const running = await gateway();
    const { client } = running;
    const { service_id: id } = scene.stage.save(await client.provision(request));
    const { job_id } = await client.job('POST', gatewayPaths.snapshots(id));
    await started.exited;
    await started.kill();
    const state = (): Promise<Job> => client.job('GET', gatewayPaths.job(id, job_id));
    expect((await state()).status).toBe('working');
    await scene.node({ ...keys(), jobs: { lock: 3 } });
    const end = await waitFor(async () => {
      const job = await state();
      return job.status === 'completed' || job.status === 'failed' ? job : undefined;
    }, patient);
    expect(end).toMatchObject({ status: 'completed', progress: 100 });
    expect(await client.call('GET', gatewayPaths.snapshots(id))).toMatchObject({
      snapshots: [{ size: expect.any(Number) }],
    });
  });

  it('says soon that snapshots are away, and provisions all the same', async () => {
    await scene.node(keys());
    const { client } = await gateway();
    const { service_id: id } = await client.provision(request);
    const { port } = redis;
    await redis.kill();
    await expect(client.call('POST', gatewayPaths.snapshots(id))).rejects.toMatchObject({ code: 30600 });
    await client.provision(request);
    redis = await startRedis({ port });
    const job = await waitFor(
      () => client.job('POST', gatewayPaths.snapshots(id)).catch(() => undefined),
      patient,
    );
    const path = gatewayPaths.job(id, job.job_id);
    await waitFor(async () => (await client.job('GET', path)).status === 'completed', patient);
  });

  it('never loads a snapshot that was changed on disk', async () => {
    await scene.node(keys());
    const { client } = await gateway();
    const { service_id: id } = await client.provision(request);
    const end = async (job: Job): Promise<Job> =>
      waitFor(async () => {
        const now = await client.job('GET', gatewayPaths.job(id, job.job_id));
        return now.complete_time == null ? undefined : now;
      }, patient);
    const made = await end(await client.job('POST', gatewayPaths.snapshots(id)));
    const snapshot = String(made.result?.['snapshot_id']);
    const padded = snapshot.padEnd(4, '_');
    const folder = join(scene.dir, 'blobs/blobs/snapshots/EchoaaS', id);
    await writeFile(join(folder, `~${padded.slice(0, 2)}`, `~${padded.slice(2, 4)}`, snapshot), 'changed');
    const rolled = await end(await client.job('PUT', gatewayPaths.snapshot(id, snapshot)));
    expect(rolled).toMatchObject({ status: 'failed', result: { code: 30806 } });
  });
});
